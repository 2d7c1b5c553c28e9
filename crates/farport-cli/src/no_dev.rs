//! In place of `farport dev`, on systems without it.

use clap::{ColorChoice, Subcommand};

use crate::cli::DevArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(DevArgs),
}

/// The command does not run here.
#[derive(Debug, thiserror::Error)]
#[error("`farport dev` does not run on Windows yet")]
pub(crate) struct Error;

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        Some("start the server with `cargo run`, or use `farport dev` in WSL".to_owned())
    }
}

/// Runs no command.
pub(crate) fn run(command: Command, _: ColorChoice) -> Result<(), crate::error::Error> {
    match command {
        Command::Dev(_) => Err(Error.into()),
    }
}
