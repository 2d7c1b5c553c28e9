//! Files and folders that only their owner can access.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

use super::system;
use crate::error::OpenError;

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
    system::private_folders(&mut builder);
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
    system::private_file(options);
    options.open(path)
}

/// Removes the permissions of other users from an existing file.
pub(crate) fn restrict(file: &File, path: &Path) -> io::Result<()> {
    if system::is_private(&file.metadata()?) {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "removed the permissions of other users from a file");
    system::make_private(file)
}

pub(crate) fn failed(path: &Path, cause: io::Error) -> OpenError {
    OpenError::File {
        path: path.to_owned(),
        cause,
    }
}
