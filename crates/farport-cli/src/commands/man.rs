//! `farport man`, in release builds.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::error::Error;
use crate::file_error::FileError;

/// Write the manual pages to a folder
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct ManArgs {
    /// Folder for the pages, one for each command
    pub(crate) folder: PathBuf,
}

/// Writes a manual page for farport and for each of its commands.
pub(crate) fn run(args: &ManArgs) -> Result<(), Error> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(FileError::of("write to", folder))?;
    Ok(())
}
