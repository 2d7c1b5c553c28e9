//! The layout of a database file.

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    error::OpenError,
    schema::{MIGRATIONS, newest},
};

/// The application ID of farport databases: "farp".
pub(crate) const APPLICATION: u32 = 0x6661_7270;

/// Checks that a file is a farport database before anything changes it. Returns the version of its
/// layout; 0 for an empty database.
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

/// Migrates the layout to the newest version, in one transaction.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = recognize(&transaction)?;
    if version == newest() {
        return Ok(());
    }
    for migration in MIGRATIONS.iter().skip(version as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", newest())?;
    Ok(transaction.commit()?)
}
