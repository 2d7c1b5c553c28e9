//! Why an operator's command failed.

use std::path::PathBuf;

/// Why an operator's command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no state of a server here")]
    NoState,
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: farport_store::OpenError,
    },
    #[error(transparent)]
    Settings(farport::Error),
    #[error("the database failed: {0}")]
    Store(#[from] farport_oauth::StoreError),
    #[error("{0:?} holds what no scope may")]
    Scope(String),
    #[error("there is no {what} {id}")]
    Unknown { what: &'static str, id: String },
    #[error("say which grants: an ID, --user or --client; --all means every one")]
    Which,
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoState => {
                "run this in the project's folder after `farport dev`, or name the database with \
                 --store sqlite:PATH"
            }
            Self::Scope(_) => "a scope is printable ASCII without space, quote and backslash",
            Self::Unknown {
                what: "API token", ..
            } => "`farport tokens list` shows those there are",
            Self::Unknown { .. } => "`farport grants list` shows those there are",
            Self::Open { .. } | Self::Settings(_) | Self::Store(_) | Self::Which => return None,
        };
        Some(hint.to_owned())
    }
}
