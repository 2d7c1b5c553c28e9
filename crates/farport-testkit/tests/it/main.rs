//! The fixture as a client meets it, over a pipe in memory and over HTTP: what the official suite
//! does not ask about.

#![allow(clippy::disallowed_methods, reason = "tests choose their URLs")]
#![cfg(feature = "fixture")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
#![expect(
    deprecated,
    reason = "sampling and logging are on their way out of the protocol, and served until then"
)]

mod asking;
mod changes;
mod client;
mod exchanging;
mod killed;
mod logging;
mod program;
#[cfg(feature = "server")]
mod proxy;
#[cfg(feature = "server")]
mod rmcp_client;
mod surviving;
