//! `farport dev`: a server that is rebuilt and swapped on every change.
//!
//! This process binds the listening sockets and keeps them; every server it starts gets copies
//! (systemd's socket activation, [`server`]). A new server is started beside the old one, and
//! only when it accepts connections is the old one told to finish. What is to be done when is
//! decided by a machine without I/O ([`machine`]); the rest carries it out ([`driver`]).

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
