//! What a failed command tells its user: what happened, why, and what to do next.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::terminal::{ERROR, HINT};
use crate::{listen, scaffold};

/// Exit code of a command that did what it was asked.
pub(crate) const SUCCESS: u8 = 0;
/// Exit code of a command that could not do what it was asked.
pub(crate) const FAILURE: u8 = 1;
/// Exit code of a command that was not understood.
pub(crate) const USAGE: u8 = 2;

/// Why a command failed. Each part words its own message and its own hint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Listen(#[from] listen::Error),
    #[error(transparent)]
    New(#[from] scaffold::Error),
    #[error(transparent)]
    Project(#[from] crate::project::Error),
    #[cfg(unix)]
    #[error(transparent)]
    Dev(#[from] crate::dev::Error),
    #[error(transparent)]
    Worker(#[from] crate::worker::Error),
    #[error(transparent)]
    Deploy(#[from] crate::deploy::Error),
    #[error(transparent)]
    Client(#[from] crate::clients::Error),
    #[error(transparent)]
    Remote(#[from] farport_bridge::Error),
    #[error(transparent)]
    Operator(#[from] crate::operator::Error),
    #[error(transparent)]
    Demo(#[from] crate::commands::demo::Error),
    #[error(transparent)]
    Serve(#[from] farport::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

/// What the system said when something was to be done to a file or a folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", .path.display())]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// Makes an error of what the system said about a path. `action` completes "cannot ...".
    pub(crate) fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Error {
    /// What the user can do about it, when there is something to do.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen(error) => error.hint(),
            Self::New(error) => error.hint(),
            Self::Project(error) => error.hint(),
            #[cfg(unix)]
            Self::Dev(error) => error.hint(),
            Self::Worker(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::Client(error) => error.hint(),
            Self::Operator(error) => error.hint(),
            Self::Demo(error) => Some(error.hint().to_owned()),
            Self::Remote(_) | Self::Serve(_) | Self::Runtime(_) | Self::Output(_) => None,
        }
    }

    /// Writes the error, its causes and its hint to standard error.
    pub(crate) fn report(&self) {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            // The reader has left, as in `farport --help | head -1`: nobody is there to tell.
            return;
        }
        anstream::eprintln!("{ERROR}error{ERROR:#}: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            anstream::eprintln!("  because: {error}");
            cause = error.source();
        }
        if let Some(hint) = self.hint() {
            anstream::eprintln!("{HINT}hint{HINT:#}: {hint}");
        }
    }
}
