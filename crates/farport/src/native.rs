//! The native host: sockets, files, tasks and the log.

mod address;
mod announce;
mod client;
mod connections;
mod fetcher;
mod flags;
mod health;
pub mod host;
mod listen;
mod logging;
mod run;
mod runtime;
mod state;
mod stdio;
mod system;
pub mod testing;

pub(crate) use run::Host;
