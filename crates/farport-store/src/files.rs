//! Files and folders that only their owner can access.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

use crate::OpenError;

/// Creates the folder of `file` and its parents if they are missing.
pub(crate) fn create_folder(file: &Path) -> Result<(), OpenError> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder.filter(|folder| !folder.is_dir()) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| failed(folder, source))
}

/// Creates an empty file, or restricts an existing farport database to its owner.
pub(crate) fn create_private(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open_private(&mut options, path).map_err(|source| failed(path, source))?;
    restrict(&file, path).map_err(|source| failed(path, source))
}

/// Opens a file. A file that this creates has mode 0600.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Removes the permissions of other users from an existing file.
#[cfg(unix)]
pub(crate) fn restrict(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "removed the permissions of other users from a file");
    file.set_permissions(std::fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(not(unix))]
pub(crate) fn restrict(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn failed(path: &Path, cause: io::Error) -> OpenError {
    OpenError::File {
        path: path.to_owned(),
        cause,
    }
}
