//! The layout of a file.

use rusqlite::{Connection, TransactionBehavior};

use super::{STEPS, newest};
use crate::error::OpenError;

/// Marks a file as ours: "farp".
const APPLICATION: i32 = 0x6661_7270;

/// Sees what a file is before anything of it is changed. Answers with its version; 0 is empty.
pub(crate) fn recognize(connection: &Connection) -> Result<u32, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != i64::from(APPLICATION) && (application != 0 || version != 0 || tables != 0) {
        return Err(OpenError::NotOurs);
    }
    let version = u32::try_from(version).map_err(|_| OpenError::NotOurs)?;
    if version > newest() {
        return Err(OpenError::Newer {
            found: version,
            known: newest(),
        });
    }
    Ok(version)
}

/// Brings the layout up to date, in one transaction.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = recognize(&transaction)?;
    if version == newest() {
        return Ok(());
    }
    for step in STEPS.iter().skip(version as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", newest())?;
    Ok(transaction.commit()?)
}
