//! A configuration file, replaced whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Client, Home};
use crate::error::FileError;

/// Why a configuration was not changed. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this system does not say where your settings are kept")]
    NoHome,
    #[error("{} is not one that can be read: {why}", .path.display())]
    Broken { path: PathBuf, why: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no server `{name}` in {}", .path.display())]
    NotThere { path: PathBuf, name: String },
    #[error("`{0}` cannot be the name of a server")]
    Name(String),
}

impl Error {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Broken { .. } => Some(
                "it was left as it is; mend it, or add the entry that --print shows by hand"
                    .to_owned(),
            ),
            Self::Name(_) => Some("use letters, digits, `-` and `_`".to_owned()),
            Self::NoHome | Self::File(_) | Self::NotThere { .. } => None,
        }
    }
}

/// What is to be done to a file.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) before: Option<String>,
    pub(crate) after: String,
}

/// Works out a change. `edit` gives the new text for the old one; `Ok(None)` where `name` is not
/// there.
pub(crate) fn change(
    client: Client,
    name: &str,
    edit: impl FnOnce(&str) -> Result<Option<String>, String>,
) -> Result<Change, Error> {
    let usable = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
    if !usable {
        return Err(Error::Name(name.to_owned()));
    }
    let home = Home::of_user().ok_or(Error::NoHome)?;
    let path = client.file(&home);
    // A link is followed, so that what it leads to is replaced and not the link.
    let path = path.canonicalize().unwrap_or(path);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(FileError::of("read", &path)(error).into()),
    };
    match edit(before.as_deref().unwrap_or_default()) {
        Ok(Some(after)) => Ok(Change {
            path,
            before,
            after,
        }),
        Ok(None) => Err(Error::NotThere {
            path,
            name: name.to_owned(),
        }),
        Err(why) => Err(Error::Broken { path, why }),
    }
}

impl Change {
    /// Makes the change, with a copy of what was there beside it. Where the copy is.
    pub(crate) fn make(&self) -> Result<Option<PathBuf>, Error> {
        let failed = |action| FileError::of(action, &self.path);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed("write"))?;
        let mut backup = None;
        if self.before.is_some() {
            let mut name = self.path.clone().into_os_string();
            name.push(".farport-backup");
            let copy = PathBuf::from(name);
            std::fs::copy(&self.path, &copy).map_err(failed("copy"))?;
            backup = Some(copy);
        }
        let written = (|| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.after.as_bytes())?;
            if let Ok(data) = std::fs::metadata(&self.path) {
                file.as_file().set_permissions(data.permissions())?;
            }
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)
        })();
        written.map_err(failed("write"))?;
        Ok(backup)
    }

    /// The lines that go and come, as a person reads a change.
    pub(crate) fn lines(&self) -> Vec<(char, String)> {
        let before: Vec<&str> = self.before.as_deref().unwrap_or_default().lines().collect();
        let after: Vec<&str> = self.after.lines().collect();
        let same = before
            .iter()
            .zip(&after)
            .take_while(|(a, b)| a == b)
            .count();
        let rest = before.len().min(after.len()) - same;
        let tail = before.iter().rev().zip(after.iter().rev()).take(rest);
        let tail = tail.take_while(|(a, b)| a == b).count();
        let part = |lines: &[&str], sign| {
            lines
                .iter()
                .skip(same)
                .take(lines.len() - same - tail)
                .map(|line| (sign, (*line).to_owned()))
                .collect::<Vec<_>>()
        };
        let mut lines = part(&before, '-');
        lines.extend(part(&after, '+'));
        lines
    }
}
