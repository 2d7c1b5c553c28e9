//! A file for each command.

pub(crate) mod add;
pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod grants;
pub(crate) mod inspect;
pub(crate) mod login;
pub(crate) mod logout;
// Only packages of a release have manual pages.
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
