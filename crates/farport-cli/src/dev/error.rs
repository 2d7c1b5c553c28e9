//! Why `farport dev` could not go on, and what to do about it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Why `farport dev` could not go on, or could not start a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no crate here: neither `{}` nor a folder above it has a `Cargo.toml`", .folder.display())]
    NoCrate { folder: PathBuf },
    #[error("this is a workspace, not one of its crates")]
    Workspace { members: Vec<String> },
    #[error("cargo could not read this crate")]
    Metadata {
        #[source]
        source: Box<cargo_metadata::Error>,
    },
    #[error("the crate `{package}` has no binary")]
    NoBinary { package: String },
    #[error("the crate `{package}` has no binary `{wanted}`")]
    WrongBinary {
        package: String,
        wanted: String,
        binaries: Vec<String>,
    },
    #[error("the crate `{package}` has several binaries")]
    ManyBinaries {
        package: String,
        binaries: Vec<String>,
    },
    #[error("the crate `{package}` does not depend on farport")]
    NoServer { package: String },

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
            Self::NoCrate { .. } => {
                "go into a crate first, or make one: `farport new my-mcp-server && cd my-mcp-server`".to_owned()
            }
            Self::Workspace { members } if members.is_empty() => "go into a crate first".to_owned(),
            Self::Workspace { members } => {
                format!("go into a crate with a server first: {}", members.join(", "))
            }
            Self::NoBinary { .. } => {
                "a server is a binary: give the crate a `src/main.rs` that runs `farport::Server`".to_owned()
            }
            Self::WrongBinary { binaries, .. } | Self::ManyBinaries { binaries, .. } => {
                format!("choose one with `--bin`: {}", binaries.join(", "))
            }
            Self::NoServer { .. } => {
                "`cargo add farport`, and let `main` run `farport::Server`".to_owned()
            }
            Self::Watch(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                "the system lets this user watch no more folders: raise `fs.inotify.max_user_watches`".to_owned()
            }
            Self::VarsLine { .. } => "put values with spaces or `#` in quotes".to_owned(),
            Self::Metadata { .. }
            | Self::Start { .. }
            | Self::Guard(_)
            | Self::Socket(_)
            | Self::Scratch(_)
            | Self::Signals(_)
            | Self::Watch(_)
            | Self::Vars { .. } => return None,
        })
    }
}
