//! Where the new crate goes. It is written in a folder of its own first, on the same file
//! system, and moved when it is whole.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use super::Error;
use super::files::{Content, Files};
use crate::error::FileError;

/// A place that is free.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    /// The nearest folder that is there already: the target itself, when it is an empty folder.
    around: PathBuf,
}

/// A crate that is whole, but not in its place yet. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Staged {
    target: PathBuf,
    folder: PathBuf,
    scratch: TempDir,
}

impl Place {
    /// Looks whether something is in the way.
    pub(super) fn survey(target: &Path) -> Result<Self, Error> {
        let taken = match fs::symlink_metadata(target) {
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
            Err(error) => return Err(FileError::of("look at", target)(error).into()),
        };
        let around = match taken {
            true => target,
            false => target
                .ancestors()
                .find(|above| above.is_dir())
                .unwrap_or(target),
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

    /// Where the crate goes, absolute, without links and `..`.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The nearest folder that is there already.
    pub(super) fn around(&self) -> &Path {
        &self.around
    }

    /// Writes the files where nobody sees them yet.
    pub(super) fn stage(&self, files: &Files) -> Result<Staged, Error> {
        let scratch = tempfile::Builder::new()
            .prefix(".farport-new-")
            .tempdir_in(&self.around)
            .map_err(FileError::of("write in", &self.around))?;
        // The scratch folder is private; the crate has the permissions of any other folder.
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

/// Appends a path of which nothing exists, so that `..` takes back what stands before it.
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
        fs::create_dir_all(parent).map_err(FileError::of("make", parent))?;
    }
    match content {
        Content::File { bytes, executable } => {
            fs::write(path, bytes).map_err(FileError::of("write", path))?;
            if *executable {
                make_executable(path).map_err(FileError::of("make executable", path))?;
            }
            Ok(())
        }
        Content::Link { target } => Ok(link(target, path).map_err(FileError::of("link", path))?),
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    // Whoever may read it may run it.
    let mode = permissions.mode();
    permissions.set_mode(mode | ((mode & 0o444) >> 2));
    fs::set_permissions(path, permissions)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::Error::from(ErrorKind::Unsupported))
}

impl Staged {
    /// The folder the crate is in for now.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the crate to its place. Never over something that has come there since.
    pub(super) fn put(self) -> Result<(), Error> {
        let Self {
            target,
            folder,
            scratch,
        } = self;
        if scratch.path().parent() == Some(&target) {
            // Its place is an empty folder, maybe the one the user is in: fill it.
            for entry in fs::read_dir(&folder).map_err(FileError::of("read", &folder))? {
                let entry = entry.map_err(FileError::of("read", &folder))?;
                let to = target.join(entry.file_name());
                fs::rename(entry.path(), &to).map_err(FileError::of("write", &to))?;
            }
            return Ok(());
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(FileError::of("make", parent))?;
        }
        // Renaming a folder fails when a file or a folder with something in it is in the way.
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
