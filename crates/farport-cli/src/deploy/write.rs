//! Writing files beside those of the user.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::Error;
use crate::error::FileError;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Where, absolute.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It was not there.
    New,
    /// It was there, and said the same.
    Same,
    /// It said something else, and was written over.
    Replaced,
}

/// Writes the files, all or none: a file that says something else is in the way unless `force`.
/// With `dry_run` nothing is written, and the answer is what would become of each.
pub(super) fn write(files: &[File], force: bool, dry_run: bool) -> Result<Vec<Outcome>, Error> {
    let outcomes = files.iter().map(look).collect::<Result<Vec<_>, _>>()?;
    let both = || files.iter().zip(&outcomes);
    let in_the_way: Vec<_> = both()
        .filter(|(_, outcome)| **outcome == Outcome::Replaced && !force)
        .map(|(file, _)| file.path.clone())
        .collect();
    if !in_the_way.is_empty() {
        return Err(Error::Differs { paths: in_the_way });
    }
    for (file, outcome) in both() {
        if !dry_run && *outcome != Outcome::Same {
            put(file).map_err(FileError::of("write", &file.path))?;
        }
    }
    Ok(outcomes)
}

fn look(file: &File) -> Result<Outcome, Error> {
    match fs::read(&file.path) {
        Ok(there) if there == file.text.as_bytes() => Ok(Outcome::Same),
        Ok(_) => Ok(Outcome::Replaced),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Outcome::New),
        Err(error) => Err(FileError::of("read", &file.path)(error).into()),
    }
}

/// Puts a file in its place in one move, so that nobody finds half of it.
fn put(file: &File) -> std::io::Result<()> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(file.text.as_bytes())?;
    readable(new.as_file())?;
    new.persist(&file.path)?;
    Ok(())
}

/// A temporary file is its owner's alone; these are for everybody who works on the project.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_something_else_stays_unless_force_is_given_and_then_all_or_none() {
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
        assert!(error.to_string().contains("/b` is there"), "{error}");
        assert_eq!((read("c"), read("b").as_deref()), (None, Some("mine")));
        assert_eq!(write(&files, true, true).unwrap(), [new, replaced]);
        assert_eq!(read("b").as_deref(), Some("mine"));
        assert_eq!(write(&files, true, false).unwrap(), [new, replaced]);
        assert_eq!(read("b").as_deref(), Some("2"));
    }
}
