//! Remote servers: the arguments for the connection and the sign-in ([`args`]), and code that `connect`,
//! `login`, `logout` and `add` share.

pub(crate) mod address;
pub(crate) mod args;
mod error;
pub(crate) mod headers;
pub(crate) mod inspect;
mod messages;
pub(crate) mod playground;
pub(crate) mod saved;
mod settle;

pub(crate) use error::Error;
pub(crate) use headers::Variables;
pub(crate) use messages::{MessageWriter, log_to_stderr};
