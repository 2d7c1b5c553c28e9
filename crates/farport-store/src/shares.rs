//! The limits of tables whose rows count toward a share.

use crate::{
    error::Failure,
    numbers::int,
    platform::{Connection, OptionalExtension, params},
};

/// Deletes rows of `table` until it has at most `most`: each time the oldest row of the share with
/// the most rows. The share of the row that was just added is `newcomer`; that row is deleted last.
///
/// `table` is a name from this crate, never from a request.
pub(crate) fn make_room(
    connection: &Connection,
    table: &'static str,
    most: usize,
    newcomer: &str,
) -> Result<(), Failure> {
    let count = format!("SELECT count(*) FROM {table}");
    let count: i64 = connection
        .prepare_cached(&count)?
        .query_row((), |row| row.get(0))?;
    let surplus = count.saturating_sub(int(most as u64));
    for _ in 0..surplus {
        let largest = format!(
            "SELECT share FROM {table} GROUP BY share
             ORDER BY count(*) DESC, (share = ?1 AND count(*) > 1) DESC, min(place) LIMIT 1"
        );
        let largest: Option<String> = connection
            .prepare_cached(&largest)?
            .query_row([newcomer], |row| row.get(0))
            .optional()?;
        let delete = format!(
            "DELETE FROM {table} WHERE place =
                 (SELECT place FROM {table} WHERE share = ?1 ORDER BY place LIMIT 1)"
        );
        connection
            .prepare_cached(&delete)?
            .execute(params![largest.unwrap_or_default()])?;
    }
    Ok(())
}
