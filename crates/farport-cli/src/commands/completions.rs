//! `farport completions`.

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::error::Error;

/// Prints the completion script of a shell.
pub(crate) fn run(args: CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "farport", &mut script);
    std::io::stdout().write_all(&script).map_err(Error::Output)
}
