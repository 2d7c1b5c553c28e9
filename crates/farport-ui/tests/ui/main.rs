//! Tests of the inspector through its sockets, against a small MCP server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows functions marked as tests, not those that tests call"
)]

mod api;
mod apps;
mod assets;
mod chat;
mod guard;
mod hold;
mod keys;
mod recovery;
mod reload;
mod saved;
mod subscriptions;
mod support;
