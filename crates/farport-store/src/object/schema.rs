//! The layout in a Durable Object, which can store a version only in a table.

use crate::{
    error::{OpenError, SqliteError},
    platform::Connection,
    schema::{MIGRATIONS, newest},
};

/// Migrates the layout to the newest version, in one transaction.
pub(crate) fn prepare(connection: &Connection) -> Result<(), OpenError> {
    let prepared = connection.transaction(|connection| {
        connection.execute_batch("CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)")?;
        let version: i64 = connection
            .prepare_cached("SELECT coalesce(max(version), 0) FROM layout")?
            .query_row((), |row| row.get(0))?;
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        for migration in MIGRATIONS.iter().skip(version as usize) {
            connection.execute_batch(migration)?;
        }
        if version < newest() {
            connection
                .prepare_cached("INSERT INTO layout (version) VALUES (?1)")?
                .execute([newest()])?;
        }
        Ok(version)
    });
    match prepared {
        Ok(found) if found > newest() => Err(OpenError::Newer {
            found,
            known: newest(),
        }),
        Ok(_) => Ok(()),
        Err(failure) => Err(OpenError::Sqlite(SqliteError(failure))),
    }
}
