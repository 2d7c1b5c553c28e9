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
mod server;

// The same server in a program and in a Worker.
cfg_if::cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        mod portable;
        use portable as platform;
    } else {
        mod native;
        use native as platform;
        pub use native::testing;
    }
}

// Sign-in is half of a small Worker.
cfg_if::cfg_if! {
    if #[cfg(feature = "sign-in")] {
        mod sign_in;
        pub use sign_in::*;
    }
}

pub use farport_core::{
    InstanceContext as Context, SessionState, StateError, StreamControl, UpstreamToken,
    UpstreamTokenError, User,
    policy::{Permission, anyone, claim, login_in, scope, signed_in, when},
};
pub use farport_http::{ClientAddress, Color, Logo, McpService, Theme};
pub use farport_server::{
    AuthSettings, Error, ErrorKind, InvalidStorage, LogFormat, ProviderName, Settings, SignedIn,
    Storage,
};
pub use platform::host;
pub use server::Server;
