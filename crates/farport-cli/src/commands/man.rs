//! `farport man`, in release builds.

use clap::CommandFactory;

use crate::cli::{Cli, ManArgs};
use crate::error::{Error, FileError};

/// Writes a manual page for farport and for each of its commands.
pub(crate) fn run(args: &ManArgs) -> Result<(), Error> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(FileError::of("write to", folder))?;
    Ok(())
}
