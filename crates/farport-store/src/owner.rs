//! Which of the processes that use a database are alive.
//!
//! Each holds a lock on a file of its own beside the database, which the system lets go of when
//! the process ends, however that comes about. So a stream whose process has died can be told from
//! one that another process is still writing to.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{OpenError, files};

/// Marks this process as alive, until it is dropped.
pub(crate) struct Owner {
    id: String,
    database: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Owner {
    /// Registers this process as one that uses `database`, and clears away what dead ones left.
    pub(crate) fn register(database: &Path) -> Result<Self, OpenError> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| {
            files::failed(
                database,
                io::Error::other(format!("no randomness: {error}")),
            )
        })?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let path = path_of(database, &id);
        // Under another name until it is locked, or somebody could take it for a dead one's.
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
        let file = locked().map_err(|source: io::Error| files::failed(&path, source))?;
        let owner = Self {
            id,
            database: database.to_owned(),
            _file: file,
        };
        owner.clear();
        Ok(owner)
    }

    /// The name of this process in the database.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process of this name has ended. One that cannot be told from a living one is
    /// taken for alive.
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
                    tracing::warn!(%error, "cannot tell whether another process is alive");
                    false
                }
            },
        }
    }

    /// Removes the files of processes that have died.
    fn clear(&self) {
        let Some(folder) = path_of(&self.database, "").parent().map(folder_of) else {
            return;
        };
        let prefix = file_name(&path_of(&self.database, ""));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::debug!(%error, "cannot look for what dead processes left");
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
                // Somebody else may have been faster.
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
    match folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => folder.to_owned(),
    }
}

fn file_name(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}
