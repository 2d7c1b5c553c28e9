//! Why a server was not deployed, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a server was not deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} there already, and say{} something else", files(.paths), if .paths.len() == 1 { "s" } else { "" })]
    Differs { paths: Vec<PathBuf> },
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Some files as the subject of a sentence.
fn files(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    let verb = if paths.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

impl Error {
    /// Makes an error of what the system said about a path. `action` completes "cannot ...".
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Differs { .. } => {
                "nothing was written; `--force` writes over what is there, which git then shows"
                    .to_owned()
            }
            Self::Io { .. } => return None,
        })
    }
}
