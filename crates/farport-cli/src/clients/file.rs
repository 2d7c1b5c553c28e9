//! Atomic edits of a configuration file.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::lock::Lock;
use crate::file_error::FileError;
use crate::terminal::Plain;

/// Why farport did not change a configuration. The file is unchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot find your home folder")]
    NoHome,
    #[error("{0} has no configuration for single projects")]
    NoProject(&'static str),
    #[error("cannot edit `{}`: {why}", .path.display())]
    Broken { path: PathBuf, why: String },
    #[error("cannot edit `{}`: broken symbolic link", .path.display())]
    BrokenLink { path: PathBuf },
    #[error("cannot edit `{}`: another program keeps changing it", .path.display())]
    Busy { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("no server `{}` in `{}`", Plain(.name), .path.display())]
    NotFound { path: PathBuf, name: String },
    #[error("invalid server name `{}`", Plain(.0))]
    Name(String),
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Broken { .. } => Some(
                "farport did not change the file; fix it, or paste the entry that `--print` prints"
                    .to_owned(),
            ),
            Self::BrokenLink { .. } => Some("create the file, or remove the link".to_owned()),
            Self::Busy { .. } => Some("close the client, then try again".to_owned()),
            Self::Name(_) => Some("use letters, digits, `-` and `_`".to_owned()),
            Self::NoProject(_) => Some(
                "omit --project; these clients support it: claude-code, copilot, cursor, vscode, \
                 zed, codex, gemini, opencode, jetbrains"
                    .to_owned(),
            ),
            Self::NoHome => Some("set the environment variable HOME".to_owned()),
            Self::File(_) | Self::NotFound { .. } => None,
        }
    }
}

/// A change of a file.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    before: Option<String>,
    pub(crate) after: String,
}

/// The result of an edit.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The file already had the right contents.
    Unchanged(PathBuf),
    /// farport replaced the file. The backup has the previous contents.
    Changed {
        change: Change,
        backup: Option<PathBuf>,
    },
}

/// An edit: returns the new text for the old one, or `Ok(None)` if the entry does not exist.
type Edit<'a> = dyn Fn(&str) -> Result<Option<String>, String> + 'a;

/// How often farport repeats an edit because the client wrote the file at the same time.
const MOST_TRIES: usize = 5;

/// Computes a change without writing it.
pub(crate) fn plan(path: &Path, name: &str, edit: &Edit<'_>) -> Result<Change, Error> {
    check_name(name)?;
    let path = resolve(path)?;
    let before = read(&path)?;
    let after = edit(before.as_deref().unwrap_or_default());
    match after {
        Ok(Some(after)) => Ok(Change {
            path,
            before,
            after,
        }),
        Ok(None) => Err(Error::NotFound {
            path,
            name: name.to_owned(),
        }),
        Err(why) => Err(Error::Broken { path, why }),
    }
}

/// Writes a change, while no other `farport` command edits the file.
pub(crate) fn apply(path: &Path, name: &str, edit: &Edit<'_>) -> Result<Applied, Error> {
    // Report errors before creating anything.
    let planned = plan(path, name, edit)?;
    if planned.changes_nothing() {
        return Ok(Applied::Unchanged(planned.path));
    }
    let path = planned.path;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(FileError::of("write", &path))?;
    let _lock = Lock::acquire(&path).map_err(FileError::of("lock", &path))?;
    for _ in 0..MOST_TRIES {
        let change = plan(&path, name, edit)?;
        if change.changes_nothing() {
            return Ok(Applied::Unchanged(change.path));
        }
        let backup = change.back_up()?;
        if change.make()? {
            return Ok(Applied::Changed { change, backup });
        }
    }
    Err(Error::Busy { path })
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if !name.is_empty() && name.chars().all(fits) {
        Ok(())
    } else {
        Err(Error::Name(name.to_owned()))
    }
}

/// Follows symbolic links, so that farport replaces the target and not the link.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) if path.is_symlink() => Err(Error::BrokenLink {
            path: path.to_owned(),
        }),
        Err(_) => Ok(path.to_owned()),
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::of("read", path)(error).into()),
    }
}

impl Change {
    fn changes_nothing(&self) -> bool {
        self.before.as_ref() == Some(&self.after)
    }

    /// Writes a backup. The first backup is permanent; the second one has the state before the last
    /// change.
    fn back_up(&self) -> Result<Option<PathBuf>, Error> {
        let Some(before) = &self.before else {
            return Ok(None);
        };
        let sibling = |end: &str| {
            let mut name = OsString::from(&self.path);
            name.push(end);
            PathBuf::from(name)
        };
        let (first, newest) = (sibling(".farport-backup"), sibling(".farport-backup-last"));
        let kept = self
            .write(before)
            .and_then(|file| match file.persist_noclobber(&first) {
                Ok(_) => Ok(first.clone()),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                    error.file.persist(&newest).map_err(|error| error.error)?;
                    Ok(newest)
                }
                Err(error) => Err(error.error),
            });
        Ok(Some(kept.map_err(FileError::of("copy", &self.path))?))
    }

    /// Replaces the file, unless another program has written it since farport read it. Returns whether
    /// farport replaced it.
    fn make(&self) -> Result<bool, Error> {
        let file = self
            .write(&self.after)
            .map_err(FileError::of("write", &self.path))?;
        if read(&self.path)? != self.before {
            return Ok(false);
        }
        let placed = match self.before {
            Some(_) => file.persist(&self.path),
            None => file.persist_noclobber(&self.path),
        };
        match placed {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(FileError::of("write", &self.path)(error.error).into()),
        }
    }

    /// Writes a temporary file next to the configuration, with the same permissions.
    fn write(&self, text: &str) -> io::Result<tempfile::NamedTempFile> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        let like: Option<Permissions> = std::fs::metadata(&self.path)
            .ok()
            .map(|data| data.permissions());
        if let Some(permissions) = like {
            file.as_file().set_permissions(permissions)?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// The removed and added lines.
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
