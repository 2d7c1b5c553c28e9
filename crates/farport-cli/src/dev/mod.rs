//! `farport dev`: builds a server, and replaces it when a file changes.
//!
//! This process owns the listening sockets and passes copies to each server (systemd's socket activation,
//! [`server`]). It starts a new server next to the old one, and stops the old one when the new one accepts
//! connections. A state machine without I/O makes the decisions ([`machine`]), and [`driver`] executes them.

mod build;
mod driver;
mod error;
mod guard;
mod machine;
mod messages;
mod server;
mod vars;
mod watch;
pub(crate) mod worker;

pub(crate) use driver::{Options, run};
pub(crate) use error::Error;
