//! Why `farport dev` could not go on, and what to do about it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::error::FileError;

use crate::{project, worker};

/// Why `farport dev` could not go on, or could not start a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Project(#[from] project::Error),

    #[error(transparent)]
    Worker(#[from] worker::Error),
    #[error("wrangler has ended ({how})")]
    WranglerEnded { how: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot start `{}`", .program.display())]
    Start {
        program: OsString,
        #[source]
        source: io::Error,
    },
    #[error("cannot ask the system to end this process together with its parent")]
    Guard(#[source] io::Error),
    #[error("cannot hand the listening sockets to a server")]
    Socket(#[source] io::Error),
    #[error("cannot make a temporary folder")]
    Scratch(#[source] io::Error),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("cannot watch for changes")]
    Watch(#[source] notify::Error),

    #[error("cannot read `{}`", .path.display())]
    Vars {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The line itself may hold a secret.
    #[error("line {line} of `{}` is not of the form NAME=value", .path.display())]
    VarsLine { path: PathBuf, line: usize },
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Project(error) => return error.hint(),
            Self::Worker(error) => return error.hint(),
            Self::WranglerEnded { .. } => "it has said why, above".to_owned(),
            Self::Watch(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                "the system lets this user watch no more folders: raise `fs.inotify.max_user_watches`".to_owned()
            }
            Self::VarsLine { .. } => "put values with spaces or `#` in quotes".to_owned(),
            Self::Start { .. }
            | Self::File(_)
            | Self::Guard(_)
            | Self::Socket(_)
            | Self::Scratch(_)
            | Self::Signals(_)
            | Self::Watch(_)
            | Self::Vars { .. } => return None,
        })
    }
}
