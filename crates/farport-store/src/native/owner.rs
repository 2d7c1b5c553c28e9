//! Finds out which of the processes that use a database are alive.
//!
//! Each process locks its own file next to the database. The operating system releases the lock when
//! the process exits for any reason. This distinguishes a stream of an exited process from one that
//! another process is still writing to.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::files;
use crate::error::OpenError;

/// The registration of this process. It counts as alive until this is dropped.
pub(crate) struct Owner {
    id: String,
    database: PathBuf,
    /// The locked file.
    _file: File,
}

impl Owner {
    /// Registers this process as a user of `database`, and removes the files of exited processes.
    pub(crate) fn register(database: &Path) -> Result<Self, OpenError> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| {
            files::failed(
                database,
                io::Error::other(format!("no random bytes: {error}")),
            )
        })?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let path = path_of(database, &id);
        // Under another name until the file is locked: another process would remove an unlocked one.
        let mut fresh = OsString::from(database);
        fresh.push(format!("-new-{id}"));
        let fresh = PathBuf::from(fresh);
        let locked = || {
            let mut options = OpenOptions::new();
            let file = files::open_private(options.write(true).create_new(true), &fresh)?;
            file.try_lock()?;
            fs::rename(&fresh, &path)?;
            Ok(file)
        };
        let file = locked().map_err(|cause: io::Error| files::failed(&path, cause))?;
        let owner = Self {
            id,
            database: database.to_owned(),
            _file: file,
        };
        owner.remove_stale();
        Ok(owner)
    }

    /// The ID of this process in the database.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process with this ID has exited. If the lock cannot be checked, the process
    /// counts as alive.
    pub(crate) fn is_dead(&self, id: &str) -> bool {
        if id == self.id {
            return false;
        }
        match File::open(path_of(&self.database, id)) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "cannot check whether another process is alive");
                    false
                }
            },
        }
    }

    /// Removes the files of processes that have exited.
    fn remove_stale(&self) {
        let Some(folder) = path_of(&self.database, "").parent().map(folder_of) else {
            return;
        };
        let prefix = file_name(&path_of(&self.database, ""));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::debug!(%error, "cannot list the lock files of other processes");
                return;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let id = name.to_string_lossy();
            let Some(id) = id.strip_prefix(&*prefix.to_string_lossy()) else {
                continue;
            };
            if self.is_dead(id) {
                // Another process may have removed it first.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let path = path_of(&self.database, &self.id);
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(%error, path = %path.display(), "cannot remove a lock file");
        }
    }
}

fn path_of(database: &Path, id: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push("-process-");
    path.push(id);
    PathBuf::from(path)
}

fn folder_of(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder.to_owned()
    }
}

fn file_name(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}
