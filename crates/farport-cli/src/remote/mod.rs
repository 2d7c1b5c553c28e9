//! Everything about servers elsewhere: the arguments that say how to reach one and sign in to it
//! ([`args`]), and what `connect`, `login`, `logout` and `status` share.

pub(crate) mod args;
mod headers;
mod person;
mod settle;

pub(crate) use person::{Voice, log_to_stderr, teller};
