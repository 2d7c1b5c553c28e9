use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A file without content, which swallows what is written to it.
pub(crate) const NO_FILE: &str = "/dev/null";

/// Whether an open file can be removed.
pub(crate) const REMOVES_OPEN_FILES: bool = true;

/// Creates a file that only its owner can access.
pub(crate) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Makes a file readable for every user. Only the owner can read a temporary file.
pub(crate) fn make_readable(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o644))
}

/// Lets every user who may read the file execute it.
pub(crate) fn make_executable(path: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    let mode = permissions.mode();
    permissions.set_mode(mode | ((mode & 0o444) >> 2));
    fs::set_permissions(path, permissions)
}

/// Whether some user may execute the file.
pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

/// Creates a symbolic link at `path`.
pub(crate) fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// The path with these bytes, if it can be one.
pub(crate) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    Some(OsStr::from_bytes(bytes).into())
}

/// Returns whether an open file is still the one at `path`.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let id = |data: Metadata| (data.dev(), data.ino());
    match fs::metadata(path) {
        Ok(data) => Ok(id(data) == id(file.metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces this process with a program. Returns only on failure.
pub(crate) fn exec(command: &mut Command) -> io::Result<ExitStatus> {
    Err(command.exec())
}
