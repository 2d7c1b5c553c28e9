//! A file for each command.

pub(crate) mod add;
pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod deploy;
#[cfg(unix)]
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod grants;
#[cfg(unix)]
pub(crate) mod guarded;
pub(crate) mod inspect;
pub(crate) mod login;
pub(crate) mod logout;
#[cfg(feature = "release")]
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod playground;
pub(crate) mod prompt;
pub(crate) mod read;
pub(crate) mod resources;
pub(crate) mod rpc;
pub(crate) mod secret;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod tokens;
pub(crate) mod tools;
pub(crate) mod watch;
