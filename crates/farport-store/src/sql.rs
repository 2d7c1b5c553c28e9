//! The SQLite there is: on a machine our own, in WebAssembly that of the host, behind the few names
//! of rusqlite's that what both share is written with.

#[cfg(target_arch = "wasm32")]
mod engine;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

#[cfg(target_arch = "wasm32")]
pub(crate) use engine::{Connection, Error, OptionalExtension, Result, Row, ToValue, params};
#[cfg(target_arch = "wasm32")]
pub use engine::{Engine, Value};

/// What stands in a column is not what was written there.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    rusqlite::types::FromSqlError::other(error).into()
}

/// What stands in a column is not what was written there.
#[cfg(target_arch = "wasm32")]
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Column(error.to_string())
}

/// Whether a row was refused because what it belongs to is not there.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(error, _)
        if error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Whether a row was refused because what it belongs to is not there.
#[cfg(target_arch = "wasm32")]
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, Error::Engine(text) if text.contains("FOREIGN KEY constraint failed"))
}
