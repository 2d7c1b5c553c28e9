//! rusqlite, as the shared statements use it.

use crate::error::{OpenError, SqliteError};

pub(crate) use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

/// The error for a column whose value does not parse.
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    rusqlite::types::FromSqlError::other(error).into()
}

/// Whether a row was rejected because its parent row does not exist.
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(error, _)
        if error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotOurs,
            _ => Self::Sqlite(SqliteError(error.into())),
        }
    }
}
