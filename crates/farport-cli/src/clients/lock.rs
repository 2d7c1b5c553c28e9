//! A lock that lets one `farport` command at a time edit a configuration file.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::system;

/// Blocks other `farport` commands from editing a file until it is dropped or the process ends.
pub(super) struct Lock {
    path: PathBuf,
    /// Owns the operating system's lock.
    file: File,
}

impl Lock {
    /// Waits until no other command holds the lock of `target`. The folder must exist.
    pub(super) fn acquire(target: &Path) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".farport-lock");
        let path = target.with_file_name(name);
        loop {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            system::private_file(&mut options);
            let file = options.open(&path)?;
            file.lock()?;
            // The previous holder may have removed the file while this command waited.
            if system::is_at(&file, &path)? {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Remove the file before unlocking it: a waiting command then finds it removed and creates
        // another one.
        if system::REMOVES_OPEN_FILES {
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}
