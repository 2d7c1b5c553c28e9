//! The error of every command. All commands report errors in one form: `error:` with what failed,
//! `because:` with each cause, and `hint:` with what to do next.

use std::error::Error as _;
use std::io;

use crate::file_error::FileError;
use crate::terminal::{ERROR, HINT, Plain, PlainJson, PlainLines, say};
use crate::{listen, scaffold};

/// Exit code of a command that succeeded.
pub(crate) const SUCCESS: u8 = 0;
/// Exit code of a command that failed.
pub(crate) const FAILURE: u8 = 1;
/// Exit code of an invalid command line.
pub(crate) const USAGE: u8 = 2;

/// Why a command failed. Each module has its own error type with its messages and hints.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Listen(#[from] listen::Error),
    #[error(transparent)]
    New(#[from] scaffold::Error),
    #[error(transparent)]
    Project(#[from] crate::project::Error),
    #[error(transparent)]
    Dev(#[from] crate::dev::Error),
    #[error(transparent)]
    Worker(#[from] crate::worker::Error),
    #[error(transparent)]
    Deploy(#[from] crate::deploy::Error),
    #[error(transparent)]
    Client(#[from] crate::clients::Error),
    #[error(transparent)]
    Remote(#[from] crate::remote::Error),
    #[error(transparent)]
    Connection(#[from] farport_client::Error),
    #[error(transparent)]
    Inspect(farport_ui::Error),
    #[error(transparent)]
    Chat(#[from] crate::chat::Error),
    #[error(transparent)]
    Mcp(#[from] crate::mcp::Error),
    #[error(transparent)]
    Operator(#[from] crate::operator::Error),
    #[error(transparent)]
    Demo(#[from] crate::commands::demo::Error),
    #[error(transparent)]
    Serve(#[from] farport::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl Error {
    /// What the user can do about the error, if anything.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen(error) => error.hint(),
            Self::New(error) => error.hint(),
            Self::Project(error) => error.hint(),
            Self::Dev(error) => error.hint(),
            Self::Worker(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::Client(error) => error.hint(),
            Self::Mcp(error) => error.hint(),
            Self::Chat(error) => error.hint(),
            Self::Operator(error) => error.hint(),
            Self::Demo(error) => Some(error.hint()),
            Self::Remote(error) => error.hint(),
            Self::Connection(error) => error.hint(),
            Self::Serve(error) => error.hint(),
            Self::File(_) => None,
            Self::Inspect(_) | Self::Runtime(_) | Self::Output(_) => None,
        }
    }

    /// The exit code of a command that failed with it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Mcp(error) => error.code(),
            Self::Chat(error) => error.code(),
            // Two options contradict each other.
            Self::Dev(crate::dev::Error::InspectWorker { .. }) => USAGE,
            _ => FAILURE,
        }
    }

    /// Whether the reader has closed the pipe, as in `farport --help | head -1`.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Writes the error as one line of JSON to standard error, for scripts.
    pub(crate) fn report_json(&self) {
        if self.is_closed_pipe() {
            return;
        }
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let report = serde_json::json!({
            "error": self.to_string(),
            "because": causes,
            "hint": self.hint(),
            "code": self.code(),
        });
        say(PlainJson(&report));
    }

    /// Writes the error, its causes and its hint to standard error.
    pub(crate) fn report(&self) {
        if self.is_closed_pipe() {
            return;
        }
        // A message that quotes a remote server stays on one line; others may quote lines of a file.
        let text = match self {
            Self::Connection(error) => Plain(error).to_string(),
            Self::Mcp(crate::mcp::Error::Client(error)) => Plain(error).to_string(),
            error => PlainLines(error).to_string(),
        };
        say(format_args!("{ERROR}error{ERROR:#}: {text}"));
        let mut cause = self.source();
        while let Some(error) = cause {
            say(format_args!("  because: {}", PlainLines(error)));
            cause = error.source();
        }
        if let Some(hint) = self.hint() {
            say(format_args!("{HINT}hint{HINT:#}: {}", PlainLines(hint)));
        }
    }
}
