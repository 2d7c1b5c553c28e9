//! Tests the `farport` program: its output, the files it writes, and the servers it starts.

#![allow(clippy::disallowed_methods, reason = "tests choose their URLs")]
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows functions marked as tests, not those that tests call"
)]

mod add;
mod api_tokens;
mod browser;
mod certificates;
mod client;
mod cloudflare;
mod connect;
mod demo;
mod deploy;
mod desktop;
mod dev;
mod dev_inspect;
mod doctor;
mod documents;
mod generated;
mod git_template;
mod inspect;
mod large;
mod login;
mod new;
mod operator;
mod requests;
mod scripted;
mod settings;
mod shells;
mod shown;
mod snapshots;
mod stand_in;
mod support;
mod usage;
mod worker;
