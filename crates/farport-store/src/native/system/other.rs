//! A new file inherits the permissions of its folder, and a folder cannot be opened and synced.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

pub(crate) fn private_folders(_: &mut DirBuilder) {}

pub(crate) fn private_file(_: &mut OpenOptions) {}

pub(crate) fn is_private(_: &Metadata) -> bool {
    true
}

pub(crate) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
