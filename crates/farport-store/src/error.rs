//! Errors of opening and using a store.

use std::{io, path::PathBuf, sync::Arc};

/// A database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer version of the program migrated the database.
    #[error(
        "the database layout has version {found}, and this program supports versions up to {known}"
    )]
    Newer {
        /// The version of the database layout.
        found: u32,
        /// The newest version that this program supports.
        known: u32,
    },
    /// The layout is older, and a database opened for reading cannot be migrated.
    #[error("the database layout has version {found}, and this program reads version {known}")]
    Older {
        /// The version of the database layout.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The file exists and is not a farport database.
    #[error("the file is not a farport database")]
    NotOurs,
    /// The path names a folder.
    #[error("the path is a folder")]
    Folder,
    /// There is no file, and the caller did not ask to create one.
    #[error("the file does not exist")]
    Missing,
    /// The file or its folder cannot be created or opened.
    #[error("cannot open {}: {cause}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// SQLite failed.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("{0}")]
    Sqlite(rusqlite::Error),
    /// The SQLite of the Durable Object failed.
    #[cfg(target_arch = "wasm32")]
    #[error("{0}")]
    Engine(String),
}

impl OpenError {
    /// What to do next, if anything: lower case, without a full stop.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Newer { .. } => Some("use the program that wrote the database, or a newer one"),
            Self::Older { .. } => Some("start the server once to migrate the database"),
            Self::NotOurs => Some("choose another path"),
            Self::Folder => Some("name a file in the folder"),
            _ => None,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotOurs,
            _ => Self::Sqlite(error),
        }
    }
}

/// Writes to the store failed.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, thiserror::Error)]
#[error("cannot write to the store: {0}")]
pub struct FlushError(pub(crate) Failure);

/// A store operation failed. Cloneable, because all writes of one transaction fail together.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Sqlite(Arc<crate::sql::Error>),
    #[error("the database contains a record that this program cannot read: {0}")]
    Unreadable(String),
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the store is closed")]
    Closed,
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the store was opened for reading only")]
    ReadOnly,
    #[cfg(not(target_arch = "wasm32"))]
    #[error("a write to the store panicked")]
    Panicked,
}

impl Failure {
    /// Whether the write failed because its parent record was deleted.
    pub(crate) fn is_orphan(&self) -> bool {
        match self {
            Self::Sqlite(error) => crate::sql::is_orphan(error),
            _ => false,
        }
    }
}

impl From<crate::sql::Error> for Failure {
    fn from(error: crate::sql::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<Failure> for farport_core::StoreError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

impl From<Failure> for farport_oauth::StoreError {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}
