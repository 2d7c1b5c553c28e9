//! Errors of opening and using a store.

use std::{borrow::Cow, fmt, io, path::PathBuf, sync::Arc};

use crate::platform;

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
    #[error("{0}")]
    Sqlite(SqliteError),
}

/// An error of SQLite.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SqliteError(pub(crate) Failure);

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

/// A store operation failed. Cloneable, because all writes of one transaction fail together.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Sqlite(Arc<platform::Error>),
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl Failure {
    /// The database contains a record that this program cannot read.
    pub(crate) fn unreadable(why: impl fmt::Display) -> Self {
        let text = format!("the database contains a record that this program cannot read: {why}");
        Self::Other(text.into())
    }

    /// Whether the write failed because its parent record was deleted.
    pub(crate) fn is_orphan(&self) -> bool {
        match self {
            Self::Sqlite(error) => platform::is_orphan(error),
            _ => false,
        }
    }
}

impl From<platform::Error> for Failure {
    fn from(error: platform::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::unreadable(error)
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
