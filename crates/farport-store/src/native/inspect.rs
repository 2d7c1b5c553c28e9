//! Finds out what a file is, by reading it without SQLite.
//!
//! SQLite creates files next to a database that it opens. Inspecting the path first leaves a file that
//! is not a farport database exactly as it is.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{files::failed, schema::APPLICATION, system};
use crate::error::OpenError;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// No file.
    Missing,
    /// A file that farport has created and not filled yet.
    Empty,
    /// A farport database.
    Database,
}

/// The first bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The length of the database header and of the header of its first page, in bytes.
const HEADER: usize = 108;

/// Inspects the file at `path`.
///
/// # Errors
/// [`OpenError::NotOurs`], [`OpenError::Folder`], or an error of the operating system.
pub(crate) fn inspect(path: &Path) -> Result<FileKind, OpenError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileKind::Missing),
        Err(error) => return Err(failed(path, error)),
    };
    if metadata.is_dir() {
        return Err(OpenError::Folder);
    }
    if !metadata.is_file() {
        return Err(OpenError::NotOurs);
    }
    let read = || -> io::Result<Option<FileKind>> {
        let mut header = Vec::with_capacity(HEADER);
        let file = File::open(path)?;
        file.take(HEADER as u64).read_to_end(&mut header)?;
        if header.is_empty() {
            return Ok(empty_if_ours(&metadata));
        }
        if !header.starts_with(MAGIC) {
            return Ok(None);
        }
        if application(&header) == Some(APPLICATION) || wal_is_ours(path)? {
            return Ok(Some(FileKind::Database));
        }
        // A process has created the database but no table yet: the schema table is empty.
        let version = number(&header, 60);
        let leaf_without_cells =
            header.get(100) == Some(&0x0d) && header.get(103..105) == Some(&[0, 0]);
        let empty = application(&header) == Some(0) && version == Some(0) && leaf_without_cells;
        Ok(empty.then(|| empty_if_ours(&metadata)).flatten())
    };
    read()
        .map_err(|error| failed(path, error))?
        .ok_or(OpenError::NotOurs)
}

/// The path of the write-ahead log of a database.
pub(crate) fn wal_path(path: &Path) -> PathBuf {
    let mut wal = OsString::from(path);
    wal.push("-wal");
    wal.into()
}

/// Returns [`FileKind::Empty`] unless other users can access the file: farport creates its files
/// with mode 0600, so another program created such a file.
fn empty_if_ours(metadata: &std::fs::Metadata) -> Option<FileKind> {
    system::is_private(metadata).then_some(FileKind::Empty)
}

fn number(header: &[u8], at: usize) -> Option<u32> {
    let bytes = header.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// The application ID in the first page of a database.
fn application(page: &[u8]) -> Option<u32> {
    number(page, 68)
}

/// Whether the write-ahead log contains a first page with farport's application ID
/// (<https://sqlite.org/fileformat2.html>, section 4). The database file itself contains it after the
/// first checkpoint.
fn wal_is_ours(path: &Path) -> io::Result<bool> {
    let mut wal = match File::open(wal_path(path)) {
        Ok(wal) => wal,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut header = [0; 32];
    if wal.read_exact(&mut header).is_err() {
        return Ok(false);
    }
    let (magic, size) = (number(&header, 0), number(&header, 8));
    let Some(size) = size.filter(|size| matches!(size, 512..=65_536)) else {
        return Ok(false);
    };
    if !matches!(magic, Some(0x377f_0682 | 0x377f_0683)) {
        return Ok(false);
    }
    loop {
        let mut frame = [0; 24 + 72];
        if wal.read_exact(&mut frame).is_err() {
            return Ok(false);
        }
        let (head, page) = frame.split_at(24);
        // Frames from before the last checkpoint have other salts.
        if head.get(8..16) != header.get(16..24) {
            return Ok(false);
        }
        if number(head, 0) == Some(1) && application(page) == Some(APPLICATION) {
            return Ok(true);
        }
        wal.seek(SeekFrom::Current(i64::from(size) - 72))?;
    }
}
