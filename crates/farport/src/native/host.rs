//! For programs that host a server themselves, instead of [`Server::run`](crate::Server::run).
//!
//! On a machine: [`Server::bind`](crate::Server::bind) returns a [`Bound`] server, [`start_log`] and
//! [`shutdown_signal`] are what [`Server::run`](crate::Server::run) uses. A host for another platform
//! supplies an [`Environment`], and [`service`] returns the server as a service from HTTP request to
//! response.
//!
//! ```
//! # use rmcp::ServerHandler;
//! # struct Greeter;
//! # impl ServerHandler for Greeter {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), farport::Error> {
//! let bound = farport::Server::new(|_| Greeter).port(0).bind().await?;
//! let shutdown = farport::host::shutdown_signal()?;
//! println!("{}", bound.announcement());
//! # let shutdown = async { drop(shutdown) };
//! bound.serve_until(shutdown).await
//! # }
//! ```

use farport_http::McpService;

use super::{announce, listen, logging, run, runtime, system};
use crate::{Error, Server, Settings};

pub use announce::Announcement;
pub use farport_core::Principal;
pub use farport_server::{
    Environment, OAuth, SystemRandom, UnknownVariable, VARIABLES, Variable, unknown_variables,
};
pub use listen::Listeners;
pub use logging::{log_fields, start_log};
pub use run::Bound;
pub use runtime::TokioRuntime;
pub use system::shutdown_signal;

/// Returns `server` as a service from HTTP request to response. The builder's settings override
/// `settings`.
///
/// # Errors
/// When a setting is invalid.
pub fn service(
    server: Server,
    settings: Settings,
    environment: Environment<'_>,
) -> Result<McpService, Error> {
    let settings = server.server.apply(settings);
    server.server.service(&settings, environment)
}
