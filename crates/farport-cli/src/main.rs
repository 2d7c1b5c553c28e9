//! The `farport` command: its arguments ([`cli`]), the settings that result from them and the
//! environment ([`settings`]), and a file for each command ([`commands`]).

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]

mod chat;
mod cli;
mod clients;
mod commands;
mod deploy;
mod env_vars;
mod error;
mod file_error;
mod listen;
mod mcp;
mod operator;
mod project;
mod remote;
mod scaffold;
mod settings;
mod system;
mod terminal;
mod worker;

// `farport dev` passes sockets and signals on, as only Unix can.
cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod dev;
    } else {
        mod no_dev;
        use no_dev as dev;
    }
}

use std::process::ExitCode;

use cli::{Cli, Command};
use error::{Error, FAILURE, SUCCESS, USAGE};

fn main() -> ExitCode {
    // Does nothing unless a shell completes a command line.
    clap_complete::CompleteEnv::with_factory(commands::completions::command)
        .var(commands::completions::VARIABLE)
        .complete();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // clap also reports `--help` and `--version` this way.
            let code = if error.use_stderr() { USAGE } else { SUCCESS };
            return ExitCode::from(if error.print().is_ok() { code } else { FAILURE });
        }
    };
    terminal::use_color(cli.color);
    let json = cli.command.prints_json();
    match run(cli) {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(error) => {
            if json {
                error.report_json()
            } else {
                error.report()
            }
            ExitCode::from(error.code())
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
        Command::Development(command) => dev::run(command, cli.color),
        Command::Tools(args) => commands::tools::run(*args),
        Command::Call(args) => commands::call::run(*args),
        Command::Resources(args) => commands::resources::resources(*args),
        Command::Read(args) => commands::read::run(*args),
        Command::Prompts(args) => commands::resources::prompts(*args),
        Command::Prompt(args) => commands::prompt::run(*args),
        Command::Rpc(args) => commands::rpc::run(*args),
        Command::Shell(args) => commands::shell::run(*args),
        Command::Watch(args) => commands::watch::run(*args),
        Command::Doctor(args) => commands::doctor::doctor(*args),
        Command::Test(args) => commands::doctor::test(*args),
        Command::Chat(args) => commands::chat::run(*args),
        Command::Connect(args) => commands::connect::run(*args),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Playground(args) => commands::playground::run(args),
        Command::Add(args) => commands::add::add(args),
        Command::Remove(args) => commands::add::remove(args),
        Command::Login(args) => commands::login::run(*args),
        Command::Logout(args) => commands::logout::run(args),
        Command::Status(args) => commands::status::run(args),
        Command::Tokens(args) => commands::tokens::run(args),
        Command::Grants(args) => commands::grants::run(args),
        Command::Completions(args) => commands::completions::run(args),
        // Only packages of a release have manual pages.
        #[cfg(feature = "release")]
        Command::Man(args) => commands::man::run(&args),
    }
}
