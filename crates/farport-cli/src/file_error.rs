//! Files that cannot be read or written.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// A failed operation on a file or folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`{}", .path.display(), purpose(*.option))]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    /// The option that names the file.
    option: Option<&'static str>,
    source: io::Error,
}

fn purpose(option: Option<&str>) -> String {
    option.map_or_else(String::new, |option| format!(" for {option}"))
}

impl FileError {
    /// Creates an error from the system's error for a path. `action` completes "cannot ...".
    pub(crate) fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            action,
            path: path.to_owned(),
            option: None,
            source,
        }
    }

    /// Reads a file that an option names.
    pub(crate) fn read_for(option: &'static str, path: &Path) -> Result<String, Self> {
        std::fs::read_to_string(path).map_err(|source| Self {
            option: Some(option),
            ..Self::of("read", path)(source)
        })
    }

    /// Returns the text of an option, which may also be `@` and the name of a file that contains it.
    pub(crate) fn text_of<'a>(option: &'static str, text: &'a str) -> Result<Cow<'a, str>, Self> {
        match text.strip_prefix('@') {
            Some(path) => Self::read_for(option, Path::new(path)).map(Cow::Owned),
            None => Ok(Cow::Borrowed(text)),
        }
    }
}
