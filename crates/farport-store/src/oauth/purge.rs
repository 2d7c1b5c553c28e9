//! Deletes expired records.

use farport_oauth::UnixTime;

use super::seconds;
use crate::{
    error::Failure,
    platform::{Connection, Durability, Sqlite, params},
};

/// The most rows of one table that one transaction deletes, so that other writes do not wait long.
const BATCH: usize = 2_000;

/// The tables with expiring records, and the column that identifies a record. Codes are deleted with
/// their grants, so that a replayed code is detected until then.
const TABLES: [(&str, &str); 9] = [
    ("grants", "id"),
    ("access_tokens", "id"),
    ("refresh_tokens", "id"),
    ("used_once", "name"),
    ("api_tokens", "digest"),
    ("clients", "id"),
    ("transactions", "id"),
    ("sign_ins", "id"),
    // The key has five columns. Consents that expire at the same time are deleted together.
    ("consents", "expires"),
];

pub(super) async fn purge(database: &Sqlite, now: UnixTime) -> Result<usize, Failure> {
    let mut deleted = 0;
    loop {
        // A purge that a power failure undoes is repeated.
        let batch = database.write(Durability::Process, move |connection| {
            delete_batch(connection, now)
        });
        let (count, more) = batch.await?;
        deleted += count;
        if !more {
            return Ok(deleted);
        }
    }
}

/// Deletes one batch. Returns the number of deleted records, and whether there may be more.
fn delete_batch(connection: &Connection, now: UnixTime) -> Result<(usize, bool), Failure> {
    let (mut deleted, mut more) = (0, false);
    for (table, key) in TABLES {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN (
                 SELECT {key} FROM {table} WHERE expires <= ?1 LIMIT ?2)"
        );
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let count = connection
            .prepare_cached(&sql)?
            .execute(params![seconds(now), limit])?;
        deleted += count;
        more |= count >= BATCH;
    }
    Ok((deleted, more))
}
