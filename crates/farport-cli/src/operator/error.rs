//! Why `farport tokens` or `farport grants` failed.

use std::path::PathBuf;

use farport_store::OpenError;

use crate::terminal::Plain;

/// Why `farport tokens` or `farport grants` failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no farport database found in this folder")]
    NoState,
    #[error("cannot open the database `{}`", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: farport_store::OpenError,
    },
    #[error(transparent)]
    Settings(farport::Error),
    #[error("the database operation failed")]
    Store(#[from] farport_oauth::StoreError),
    #[error("invalid character in scope {0:?}")]
    Scope(String),
    #[error("unknown {what}: {}", Plain(id))]
    Unknown { what: &'static str, id: String },
    #[error("no grants selected")]
    NoSelection,
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoState => {
                "run this in the folder of a project that `farport dev` has served, or name the \
                 database with --store sqlite:PATH"
            }
            Self::Scope(_) => "use printable ASCII without spaces, quotes and backslashes",
            Self::Unknown {
                what: "API token", ..
            } => "`farport tokens list` lists the tokens",
            Self::Unknown { .. } => "`farport grants list` lists the grants",
            Self::NoSelection => "pass the id of a grant, --user, --client or --all",
            Self::Open {
                source: OpenError::Missing,
                ..
            } => "check the path; a server creates its database when it starts for the first time",
            Self::Open { source, .. } => return source.hint().map(str::to_owned),
            Self::Settings(error) => return error.hint(),
            Self::Store(_) => return None,
        };
        Some(hint.to_owned())
    }
}
