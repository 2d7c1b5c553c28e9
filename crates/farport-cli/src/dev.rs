//! `farport dev`: builds a server, and replaces it when a file changes.
//!
//! This process owns the listening sockets and passes copies to each server (systemd's socket activation,
//! [`server`]). It starts a new server next to the old one, and stops the old one when the new one accepts
//! connections. A state machine without I/O makes the decisions ([`machine`]), and [`driver`] executes them.

mod args;
mod build;
mod command;
mod driver;
mod env_vars;
mod error;
mod guard;
mod guarded;
mod inspect;
mod listen;
mod machine;
mod messages;
mod server;
mod vars;
mod watch;
mod worker;

use clap::ColorChoice;

pub(crate) use args::Command;
pub(crate) use error::Error;

/// Runs a command.
pub(crate) fn run(command: Command, color: ColorChoice) -> Result<(), crate::error::Error> {
    match command {
        Command::Dev(args) => command::run(args, color),
        Command::Guarded(args) => guarded::run(args),
    }
}
