//! `farport completions`.

use std::io::{self, Write};

use clap_complete::Shell;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::CompletionsArgs;
use crate::error::Error;

/// The variable that names the shell to the completing process.
pub(crate) const VARIABLE: &str = "FARPORT_COMPLETE";

/// Prints the completion script of a shell.
pub(crate) fn run(args: CompletionsArgs) -> Result<(), Error> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        other => {
            let unsupported = io::Error::other(format!("no completion for {other}"));
            return Err(Error::Output(unsupported));
        }
    };
    let mut script = Vec::new();
    let written = shell.write_registration(VARIABLE, "farport", "farport", "farport", &mut script);
    written
        .and_then(|()| io::stdout().write_all(&script))
        .map_err(Error::Output)
}
