use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A file without content, which swallows what is written to it.
pub(crate) const NO_FILE: &str = "NUL";

/// Whether an open file can be removed.
pub(crate) const REMOVES_OPEN_FILES: bool = false;

/// Does nothing: a new file inherits the permissions of its folder.
pub(crate) fn private_file(_: &mut OpenOptions) {}

/// Does nothing.
pub(crate) fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Does nothing.
pub(crate) fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Files have no such permission.
pub(crate) fn is_executable(_: &Metadata) -> bool {
    false
}

/// Fails: links need a privilege.
pub(crate) fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// The path with these bytes, if it can be one.
pub(crate) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// Other systems keep the file.
pub(crate) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Runs a program: a process cannot be replaced.
pub(crate) fn exec(command: &mut Command) -> io::Result<ExitStatus> {
    command.status()
}
