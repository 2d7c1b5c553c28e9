use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Creates folders that only their owner can access.
pub(crate) fn private_folders(builder: &mut DirBuilder) {
    builder.mode(0o700);
}

/// Creates a file that only its owner can access.
pub(crate) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Whether only the owner can access a file.
pub(crate) fn is_private(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o077 == 0
}

/// Removes the permissions of other users from a file.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    file.set_permissions(Permissions::from_mode(mode & 0o700))
}

/// Writes the entries of a folder to the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
