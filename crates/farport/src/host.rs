//! For programs that host a server themselves, instead of [`Server::run`].
//!
//! On a machine: [`Server::bind`] returns a [`Bound`] server, [`start_log`] and [`shutdown_signal`] are
//! what [`Server::run`] uses. A host for another platform supplies an [`Environment`], and [`service`]
//! returns the server as a service from HTTP request to response.

use std::{net::SocketAddr, sync::Arc};

use farport_core::{Runtime, SessionStore};
use farport_http::McpService;
use farport_oauth::{Fetcher, Keys, Random, Store};

use crate::{Error, Server, Settings};
#[cfg(not(target_arch = "wasm32"))]
pub use crate::{
    announce::Announcement,
    listen::Listeners,
    logging::{log_fields, start_log},
    run::{Bound, shutdown_signal},
    runtime::TokioRuntime,
    settings::{UnknownVariable, unknown_variables},
};
pub use crate::{
    auth::SystemRandom,
    settings::{VARIABLES, Variable},
};
pub use farport_core::Principal;

/// What a host supplies.
pub struct Environment<'a> {
    /// The store of sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Time, tasks and randomness.
    pub runtime: Arc<dyn Runtime>,
    /// The addresses that the server listens on; empty if the host does not know them.
    pub addresses: &'a [SocketAddr],
    /// Returns what sign-in requires. Only a server with sign-in calls it.
    pub oauth: &'a dyn Fn() -> Result<OAuth, Error>,
}

/// What sign-in requires of a host.
pub struct OAuth {
    /// The store of grants, tokens and clients.
    pub store: Arc<dyn Store>,
    /// The keys that encrypt the store's secrets.
    pub keys: Keys,
    /// Random bytes that an attacker cannot guess.
    pub random: Arc<dyn Random>,
    /// Sends requests to other servers.
    pub fetcher: Arc<dyn Fetcher>,
}

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
    let settings = server.apply(settings);
    server.within(&settings, environment)
}
