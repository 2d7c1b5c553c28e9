//! Letting go what has expired.

use farport_oauth::UnixTime;

use super::seconds;
use crate::{
    Sqlite,
    database::Durability,
    error::Failure,
    sql::{Connection, params},
};

/// The most rows of one table that one transaction deletes: others want to write, too.
const STEP: usize = 2_000;

/// What goes when its time is over, and the column that names it. Codes go with their grants:
/// until then, one that is used again is known.
const TABLES: [(&str, &str); 9] = [
    ("grants", "id"),
    ("access_tokens", "id"),
    ("refresh_tokens", "id"),
    ("used_once", "name"),
    ("api_tokens", "digest"),
    ("clients", "id"),
    ("transactions", "id"),
    ("sign_ins", "id"),
    // Its key is five columns. Those of one time go together.
    ("consents", "expires"),
];

pub(super) async fn purge(database: &Sqlite, now: UnixTime) -> Result<usize, Failure> {
    let mut gone = 0;
    loop {
        // Should it be lost, it is done again.
        let step = database.write(Durability::Process, move |connection| step(connection, now));
        let (went, more) = step.await?;
        gone += went;
        if !more {
            return Ok(gone);
        }
    }
}

/// How many went, and whether there may be more.
fn step(connection: &Connection, now: UnixTime) -> Result<(usize, bool), Failure> {
    let (mut gone, mut more) = (0, false);
    for (table, key) in TABLES {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN (
                 SELECT {key} FROM {table} WHERE expires <= ?1 LIMIT ?2)"
        );
        let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
        let went = connection
            .prepare_cached(&sql)?
            .execute(params![seconds(now), limit])?;
        gone += went;
        more |= went >= STEP;
    }
    Ok((gone, more))
}
