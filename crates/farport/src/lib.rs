//! Makes a Model Context Protocol server remote.
//!
//! Give it any rmcp [`ServerHandler`](rmcp::ServerHandler); it serves every MCP client, old or
//! new, on one port: streamable HTTP at `/mcp` for the revisions 2025-03-26 to 2026-07-28, HTTP+SSE
//! of 2024-11-05 at `/sse`, and stdio with `--stdio`.
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
//! # One handler a session
//!
//! The closure makes a handler for each session, and for each request of the stateless revision
//! 2026-07-28. What one client may not see of another's belongs into the handler; what all share
//! belongs into the closure, behind an [`Arc`](std::sync::Arc).
//!
//! What a handler has to remember of its session beyond the end of the process is in
//! [`Context::state`]:
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
//! [`Server::auth`] puts a sign-in before the server, and [`Server::permit`] says who may use which
//! tool. A tool takes [`SignedIn`] as an argument to know who calls.
//!
//! # Settings
//!
//! [`Settings`] come from `farport.toml`, from `FARPORT_*` variables, from the builder, and from
//! the program's flags, each overriding the one before.
//!
//! # Hosts
//!
//! [`Server::run`] is the native host. The same [`Server`], and all that it is made of, compiles
//! for WebAssembly, where the crate farport-workers serves it: [`host`] is the seam between the two.

#![cfg_attr(
    not(feature = "sign-in"),
    expect(
        dead_code,
        reason = "a public server needs none of the parts of sign-in"
    )
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

#[cfg(not(target_arch = "wasm32"))]
pub use announce::Announcement;
pub use auth::{
    ApiToken, AuthSettings, DevLogin, External, ProviderName, SignIn, SignedIn, SystemRandom,
};
pub use error::Error;
pub use farport_core::{
    InstanceContext as Context, Principal, SessionState, StateError, StreamControl, UpstreamToken,
    UpstreamTokenError, User,
    policy::{Permission, anyone, claim, login_in, scope, signed_in, when},
};
pub use farport_http::{Color, Guard, Limits, Logo, Theme};
pub use farport_oauth::ExternalServer;
pub use farport_oauth::provider::{GitHub, InvalidSettings, OAuth2, OAuth2Urls, Oidc, Slack};
#[cfg(not(target_arch = "wasm32"))]
pub use listen::Listeners;
#[cfg(not(target_arch = "wasm32"))]
pub use logging::start_log;
#[cfg(not(target_arch = "wasm32"))]
pub use run::{Bound, told_to_stop};
#[cfg(not(target_arch = "wasm32"))]
pub use runtime::TokioRuntime;
pub use server::Server;
pub use settings::{LogFormat, Settings, VARIABLES, Variable};
pub use storage::{NoStorage, Storage};
