//! Makes a Model Context Protocol server remote.
//!
//! A [`Server`] takes any rmcp [`ServerHandler`](rmcp::ServerHandler) and serves every MCP client, old
//! or new, on one port: streamable HTTP at `/mcp` for the revisions 2025-03-26 to 2026-07-28, and
//! HTTP+SSE of 2024-11-05 at `/sse`. [`Server::run_from_args`] also serves stdio, with `--stdio`.
//!
//! ```no_run
//! use rmcp::{ServerHandler, model::ServerConfig};
//!
//! struct Greeter;
//! impl ServerHandler for Greeter {}
//!
//! #[tokio::main]
//! async fn main() -> Result<(), farport::Error> {
//!     farport::Server::new(|_| Greeter).run().await
//! }
//! ```
//!
//! # One handler per session
//!
//! The closure creates a handler for each session, and for each request of the stateless revision
//! 2026-07-28. State of one client belongs in the handler, so that other clients cannot reach it. State
//! that all clients share belongs in the closure, behind an [`Arc`](std::sync::Arc).
//!
//! [`Context::state`] stores state of a session that must survive a restart of the process:
//!
//! ```
//! use farport::{SessionState, StateError};
//!
//! struct Counter {
//!     total: SessionState<i64>,
//! }
//!
//! impl Counter {
//!     async fn add(&self, a: i64) -> Result<i64, StateError> {
//!         self.total
//!             .update(|total| {
//!                 *total += a;
//!                 *total
//!             })
//!             .await
//!     }
//! }
//!
//! # use rmcp::ServerHandler;
//! # impl ServerHandler for Counter {}
//! let server = farport::Server::new(|cx| Counter { total: cx.state() });
//! # let _ = server;
//! ```
//!
//! # Sign-in and permissions
//!
//! [`Server::auth`] requires users to sign in, and [`Server::permit`] permits a tool to some of them. A
//! tool takes [`SignedIn`] as an argument to learn its caller.
//!
//! # Settings
//!
//! [`Settings`] come from `farport.toml`, from `FARPORT_*` variables and from the builder, each
//! overriding the one before. [`Server::settings`] replaces the file and the variables.
//!
//! # Mount it in another HTTP server
//!
//! [`Server::service`] returns a [`McpService`], a tower service for axum and others.
//!
//! # Hosts
//!
//! [`Server::run`] is the native host. The same [`Server`] also compiles for WebAssembly, where the crate
//! farport-workers hosts it. [`host`] has the parts for programs that host a server themselves.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]
#![cfg_attr(
    not(feature = "sign-in"),
    expect(dead_code, reason = "a public server uses no part of sign-in")
)]

#[cfg(not(target_arch = "wasm32"))]
mod announce;
mod auth;
#[cfg(not(target_arch = "wasm32"))]
mod client;
#[cfg(not(target_arch = "wasm32"))]
mod connections;
mod error;
#[cfg(not(target_arch = "wasm32"))]
mod fetcher;
#[cfg(not(target_arch = "wasm32"))]
mod flags;
#[cfg(not(target_arch = "wasm32"))]
mod health;
pub mod host;
#[cfg(not(target_arch = "wasm32"))]
mod listen;
#[cfg(not(target_arch = "wasm32"))]
mod logging;
mod rules;
#[cfg(not(target_arch = "wasm32"))]
mod run;
#[cfg(not(target_arch = "wasm32"))]
mod runtime;
mod server;
mod settings;
#[cfg(not(target_arch = "wasm32"))]
mod state;
#[cfg(not(target_arch = "wasm32"))]
mod stdio;
mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use auth::{ApiToken, AuthSettings, DevLogin, External, ProviderName, SignIn, SignedIn};
pub use error::Error;
pub use farport_core::{
    InstanceContext as Context, SessionState, StateError, StreamControl, UpstreamToken,
    UpstreamTokenError, User,
    policy::{Permission, anyone, claim, login_in, scope, signed_in, when},
};
pub use farport_http::{ClientAddress, Color, Logo, McpService, Theme};
pub use farport_oauth::ExternalServer;
pub use farport_oauth::provider::{GitHub, InvalidSettings, OAuth2, OAuth2Urls, Oidc, Slack};
pub use server::Server;
pub use settings::{LogFormat, Settings};
pub use storage::{InvalidStorage, Storage};
