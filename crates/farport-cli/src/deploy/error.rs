//! Why `farport deploy` wrote no files.

use std::path::PathBuf;

use crate::file_error::FileError;

/// Why `farport deploy` wrote no files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} with different contents", files(.paths))]
    Differs { paths: Vec<PathBuf> },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Lists files, followed by the verb.
fn files(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    match &names[..] {
        [name] => format!("{name} already exists"),
        names => format!("{} already exist", names.join(", ")),
    }
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Differs { .. } => {
                "farport wrote nothing; use `--force` to overwrite, then compare with `git diff`"
                    .to_owned()
            }
            Self::File(_) => return None,
        })
    }
}
