//! The bridge between a scripted client and scripted servers, some of them hostile.

#![allow(clippy::disallowed_methods, reason = "tests choose their URLs")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows functions marked as tests, not those that tests call"
)]

mod check;
mod client_authentication;
mod connection;
mod device;
mod discovery;
mod encodings;
mod eras;
mod forgotten;
mod hostile;
mod keyring;
mod large;
mod messages;
mod observer;
mod opener;
mod private_key;
mod processes;
mod recovery;
mod recovery_sse;
mod sessions;
mod sharing;
mod support;
mod transient;
mod waits;
