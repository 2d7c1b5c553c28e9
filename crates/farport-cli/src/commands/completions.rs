//! `farport completions`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::{Cli, CompletionsArgs};
use crate::error::Error;

/// The variable that names the shell to the completing process.
pub(crate) const VARIABLE: &str = "FARPORT_COMPLETE";

/// The commands, as they complete. bash splits a URL at `:`, so a command with several words
/// takes more of them.
pub(crate) fn command() -> clap::Command {
    let mut cli = Cli::command();
    let several = |arg: &clap::Arg| {
        arg.get_num_args()
            .is_some_and(|count| count.max_values() > 1)
    };
    let has_words = |command: &&clap::Command| {
        let has = |id: &str, holds: &dyn Fn(&clap::Arg) -> bool| {
            let mut args = command.get_arguments();
            args.any(|arg| arg.get_id() == id && holds(arg))
        };
        has("words", &several) && has("command", &|_| true)
    };
    let names: Vec<_> = cli
        .get_subcommands()
        .filter(has_words)
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        cli = cli.mut_subcommand(name, |command| {
            // A changed argument becomes the last one, and the command after `--` has to be that.
            let command = command.mut_arg("words", |arg| arg.num_args(0..));
            command.mut_arg("command", |arg| arg)
        });
    }
    cli
}

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
