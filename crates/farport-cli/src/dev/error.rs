//! Why `farport dev` failed.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::file_error::FileError;

use crate::{project, worker};

/// Why `farport dev` failed, or could not start a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Project(#[from] project::Error),

    #[error(transparent)]
    Worker(#[from] worker::Error),
    #[error("wrangler exited ({how})")]
    WranglerEnded { how: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot run `{}`", .program.display())]
    Start {
        program: OsString,
        #[source]
        source: io::Error,
    },
    #[error("cannot request a signal for the end of the parent process")]
    Guard(#[source] io::Error),
    #[error("cannot pass the listening sockets to the server")]
    Socket(#[source] io::Error),
    #[error("cannot create a temporary folder")]
    Scratch(#[source] io::Error),
    #[error("cannot handle signals")]
    Signals(#[source] io::Error),
    #[error("cannot watch the project's files")]
    Watch(#[source] notify::Error),

    #[error(transparent)]
    Store(farport_client::Error),
    #[error(
        "--inspect cannot follow a Worker: wrangler does not report when a new version answers"
    )]
    InspectWorker { port: u16 },
    #[error("cannot start the inspector")]
    Inspect(#[source] farport_ui::Error),

    #[error("cannot read `{}`", .path.display())]
    Vars {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The line may contain a secret, so the message does not repeat it.
    #[error("invalid line {line} in `{}`: expected NAME=value", .path.display())]
    VarsLine { path: PathBuf, line: usize },
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Project(error) => return error.hint(),
            Self::Worker(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::WranglerEnded { .. } => "see wrangler's messages above".to_owned(),
            Self::InspectWorker { port } => format!(
                "run `farport dev --worker`, and `farport inspect http://localhost:{port}/mcp` in another \
                 terminal; its page connects again after each reload"
            ),
            Self::Watch(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                "increase the limit `fs.inotify.max_user_watches`".to_owned()
            }
            Self::VarsLine { .. } => "quote values that contain spaces or `#`".to_owned(),
            Self::Start { .. }
            | Self::File(_)
            | Self::Guard(_)
            | Self::Socket(_)
            | Self::Scratch(_)
            | Self::Signals(_)
            | Self::Watch(_)
            | Self::Inspect(_)
            | Self::Vars { .. } => return None,
        })
    }
}
