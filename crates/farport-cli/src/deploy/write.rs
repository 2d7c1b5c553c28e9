//! Writes files into the user's project.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::Error;
use crate::file_error::FileError;
use crate::system;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The absolute path.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// What farport did with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Created it.
    New,
    /// Left it unchanged, because it already had the same contents.
    Same,
    /// Overwrote it.
    Replaced,
}

/// Writes all files, or none if a file exists with different contents and `force` is not set. With
/// `dry_run`, writes nothing and returns what would happen to each file.
pub(super) fn write(files: &[File], force: bool, dry_run: bool) -> Result<Vec<Outcome>, Error> {
    let outcomes = files.iter().map(outcome).collect::<Result<Vec<_>, _>>()?;
    let both = || files.iter().zip(&outcomes);
    let different: Vec<_> = both()
        .filter(|(_, outcome)| **outcome == Outcome::Replaced && !force)
        .map(|(file, _)| file.path.clone())
        .collect();
    if !different.is_empty() {
        return Err(Error::Differs { paths: different });
    }
    for (file, outcome) in both() {
        if !dry_run && *outcome != Outcome::Same {
            put(file).map_err(FileError::of("write", &file.path))?;
        }
    }
    Ok(outcomes)
}

fn outcome(file: &File) -> Result<Outcome, Error> {
    match fs::read(&file.path) {
        Ok(existing) if existing == file.text.as_bytes() => Ok(Outcome::Same),
        Ok(_) => Ok(Outcome::Replaced),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Outcome::New),
        Err(error) => Err(FileError::of("read", &file.path)(error).into()),
    }
}

/// Writes a file atomically, so that no reader sees half of it.
fn put(file: &File) -> std::io::Result<()> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(file.text.as_bytes())?;
    system::make_readable(new.as_file())?;
    new.persist(&file.path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_files_are_kept_without_force_and_all_or_none_is_written() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| File {
            path: root.path().join(name),
            text: text.to_owned(),
        };
        let read = |name: &str| fs::read_to_string(root.path().join(name)).ok();
        let files = [file("a", "1"), file("b", "2")];
        let (new, same, replaced) = (Outcome::New, Outcome::Same, Outcome::Replaced);

        assert_eq!(write(&files, false, true).unwrap(), [new, new]);
        assert_eq!(read("a"), None);
        assert_eq!(write(&files, false, false).unwrap(), [new, new]);
        assert_eq!(read("a").as_deref(), Some("1"));
        assert_eq!(write(&files, false, false).unwrap(), [same, same]);

        // `c` is new, and is not written either.
        fs::write(root.path().join("b"), "mine").unwrap();
        let files = [file("c", "3"), file("b", "2")];
        let error = write(&files, false, false).unwrap_err();
        let message = error.to_string();
        assert!(
            message.ends_with("/b` already exists with different contents"),
            "{message}"
        );
        assert_eq!((read("c"), read("b").as_deref()), (None, Some("mine")));
        assert_eq!(write(&files, true, true).unwrap(), [new, replaced]);
        assert_eq!(read("b").as_deref(), Some("mine"));
        assert_eq!(write(&files, true, false).unwrap(), [new, replaced]);
        assert_eq!(read("b").as_deref(), Some("2"));
    }
}
