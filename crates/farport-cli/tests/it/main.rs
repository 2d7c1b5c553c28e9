//! The `farport` command as its users have it: run as a program, judged by what it prints,
//! leaves behind and serves.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows functions marked as tests, not those that tests call"
)]

mod api_tokens;
mod browser;
mod certificates;
mod cloudflare;
mod connect;
mod demo;
mod deploy;
mod desktop;
mod dev;
mod documents;
mod generated;
mod git_template;
mod large;
mod login;
mod new;
mod operator;
mod stand_in;
mod support;
mod usage;
mod worker;
