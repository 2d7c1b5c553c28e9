//! The folder of the new crate. farport writes the crate to a temporary folder on the same file system, and
//! moves it when it is complete.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use super::Error;
use super::files::{Content, Files};
use crate::file_error::FileError;
use crate::system;

/// A path where farport can create a crate.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    /// The nearest existing folder: the target itself if it is an empty folder, else a parent.
    around: PathBuf,
}

/// A complete crate in a temporary folder. Dropping it deletes the folder.
#[derive(Debug)]
pub(super) struct Staged {
    target: PathBuf,
    folder: PathBuf,
    scratch: TempDir,
}

impl Place {
    /// Checks that the target does not exist or is an empty folder.
    pub(super) fn check(target: &Path) -> Result<Self, Error> {
        let exists = match fs::symlink_metadata(target) {
            Ok(_) if target.is_dir() => {
                let mut entries = fs::read_dir(target).map_err(FileError::of("read", target))?;
                if entries.next().is_some() {
                    return Err(Error::NotEmpty {
                        path: target.to_owned(),
                    });
                }
                true
            }
            Ok(_) => {
                return Err(Error::NotAFolder {
                    path: target.to_owned(),
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(FileError::of("read", target)(error).into()),
        };
        let around = if exists {
            target
        } else {
            target
                .ancestors()
                .find(|above| above.is_dir())
                .unwrap_or(target)
        };
        let missing = target.strip_prefix(around).unwrap_or(Path::new(""));
        let around = around
            .canonicalize()
            .map_err(FileError::of("find", around))?;
        Ok(Self {
            target: join(&around, missing),
            around,
        })
    }

    /// The crate's folder as an absolute path, without symbolic links and `..`.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The nearest existing folder.
    pub(super) fn around(&self) -> &Path {
        &self.around
    }

    /// Writes the files to a temporary folder.
    pub(super) fn stage(&self, files: &Files) -> Result<Staged, Error> {
        let scratch = tempfile::Builder::new()
            .prefix(".farport-new-")
            .tempdir_in(&self.around)
            .map_err(FileError::of("write in", &self.around))?;
        // The temporary folder is private. The crate's folder has the usual permissions.
        let folder = scratch.path().join("crate");
        for (path, content) in files {
            write(&folder.join(path), content)?;
        }
        Ok(Staged {
            target: self.target.clone(),
            folder,
            scratch,
        })
    }
}

/// Appends a path that does not exist yet, and resolves `..` in it.
fn join(around: &Path, missing: &Path) -> PathBuf {
    let mut path = around.to_owned();
    for part in missing.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}

fn write(path: &Path, content: &Content) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
    }
    match content {
        Content::File { bytes, executable } => {
            fs::write(path, bytes).map_err(FileError::of("write", path))?;
            if *executable {
                system::make_executable(path).map_err(FileError::of("make executable", path))?;
            }
            Ok(())
        }
        Content::Link { target } => {
            Ok(system::link(target, path).map_err(FileError::of("link", path))?)
        }
    }
}

impl Staged {
    /// The temporary folder of the crate.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the crate to its target, unless another program has created files there.
    pub(super) fn put(self) -> Result<(), Error> {
        let Self {
            target,
            folder,
            scratch,
        } = self;
        if scratch.path().parent() == Some(&target) {
            // The target is an empty folder, possibly the current one: move the files into it.
            for entry in fs::read_dir(&folder).map_err(FileError::of("read", &folder))? {
                let entry = entry.map_err(FileError::of("read", &folder))?;
                let to = target.join(entry.file_name());
                fs::rename(entry.path(), &to).map_err(FileError::of("write", &to))?;
            }
            return Ok(());
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
        }
        // This fails if the target is a file or a folder that is not empty.
        fs::rename(&folder, &target).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => Error::NotEmpty {
                path: target.clone(),
            },
            ErrorKind::NotADirectory => Error::NotAFolder {
                path: target.clone(),
            },
            _ => FileError::of("write", &target)(error).into(),
        })
    }
}
