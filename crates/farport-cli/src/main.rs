//! The `farport` command: a declaration of its arguments ([`cli`]), what they and the
//! environment settle on ([`settings`]), and a file for each command ([`commands`]).

mod cli;
mod clients;
mod commands;
mod deploy;
#[cfg(unix)]
mod dev;
mod env_vars;
mod error;
mod listen;
mod operator;
mod project;
mod remote;
mod scaffold;
mod settings;
mod terminal;
mod worker;

use std::process::ExitCode;

use cli::{Cli, Command};
use error::{Error, FAILURE, SUCCESS, USAGE};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(notice) => {
            // Help and version are asked for; everything else is misuse.
            let code = if notice.use_stderr() { USAGE } else { SUCCESS };
            return ExitCode::from(if notice.print().is_ok() {
                code
            } else {
                FAILURE
            });
        }
    };
    terminal::use_colour(cli.color);
    match run(cli) {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(error) => {
            error.report();
            ExitCode::from(FAILURE)
        }
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    match cli.command {
        Command::Demo(args) => commands::demo::run(args),
        Command::New(args) => commands::new::run(args),
        Command::Deploy(args) => commands::deploy::run(args),
        Command::Secret(args) => commands::secret::run(args),
        Command::Tail(args) => commands::tail::run(args),
        #[cfg(unix)]
        Command::Dev(args) => commands::dev::run(args, cli.color),
        #[cfg(unix)]
        Command::Guarded(args) => commands::guarded::run(args),
        Command::Connect(args) => commands::connect::run(*args),
        Command::Add(args) => commands::add::add(args),
        Command::Remove(args) => commands::add::remove(args),
        Command::Login(args) => commands::login::run(*args),
        Command::Logout(args) => commands::logout::run(args),
        Command::Status(args) => commands::status::run(args),
        Command::Tokens(args) => commands::tokens::run(args),
        Command::Grants(args) => commands::grants::run(args),
        Command::Completions(args) => commands::completions::run(args),
    }
}
