//! Why a store does not open, or does not answer.

use std::{io, path::PathBuf, sync::Arc};

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer program has changed the layout.
    #[error(
        "its layout has version {found}, and this program knows versions up to {known}; use the \
         program that wrote it, or a newer one"
    )]
    Newer {
        /// The version of the file.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// The file is something else.
    #[error("it is there, and is not a database of farport's; name another path")]
    NotOurs,
    /// The file, or its folder, cannot be made or opened.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// SQLite refuses.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// The object's SQLite refuses.
    #[cfg(target_arch = "wasm32")]
    #[error("{0}")]
    Engine(String),
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

/// What was to be written could not be.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, thiserror::Error)]
#[error("the store could not write everything: {0}")]
pub struct FlushError(pub(crate) Failure);

/// Why the store does not answer. All who wait for the same transaction are told the same.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Sqlite(Arc<crate::sql::Error>),
    #[error("the database holds what this program cannot read: {0}")]
    Unreadable(String),
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the store is closed")]
    Closed,
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the store failed while it wrote")]
    Panicked,
}

impl Failure {
    /// Whether what was to be written belongs to something that is not there any more.
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
