//! Access to SQLite: rusqlite on native targets, and in WebAssembly the SQLite of the host, behind the
//! part of rusqlite's API that the shared code uses.

#[cfg(target_arch = "wasm32")]
mod engine;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

#[cfg(target_arch = "wasm32")]
pub(crate) use engine::{Connection, Error, OptionalExtension, Result, Row, ToValue, params};
#[cfg(target_arch = "wasm32")]
pub use engine::{Engine, Value};

/// The error for a column whose value does not parse.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    rusqlite::types::FromSqlError::other(error).into()
}

/// The error for a column whose value does not parse.
#[cfg(target_arch = "wasm32")]
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Column(error.to_string())
}

/// Whether a row was rejected because its parent row does not exist.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(error, _)
        if error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Whether a row was rejected because its parent row does not exist.
#[cfg(target_arch = "wasm32")]
pub(crate) fn is_orphan(error: &Error) -> bool {
    matches!(error, Error::Engine(text) if text.contains("FOREIGN KEY constraint failed"))
}
