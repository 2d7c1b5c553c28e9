//! Why a server was not deployed, and what to do about it.

use std::path::PathBuf;

use crate::error::FileError;

/// Why a server was not deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} there already, and say{} something else", files(.paths), if .paths.len() == 1 { "s" } else { "" })]
    Differs { paths: Vec<PathBuf> },
    #[error(transparent)]
    File(#[from] FileError),
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
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Differs { .. } => {
                "nothing was written; `--force` writes over what is there, which git then shows"
                    .to_owned()
            }
            Self::File(_) => return None,
        })
    }
}
