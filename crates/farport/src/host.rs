//! The seam to hosts other than the native one.
//!
//! A host brings what [`Surroundings`] holds, and gets the server as a service from request to
//! response. Servers' authors have no use for this.

use std::{net::SocketAddr, sync::Arc};

use farport_core::{Runtime, SessionStore};
use farport_http::McpService;
use farport_oauth::{Fetcher, Keys, Random, Store};

use crate::{Error, Server, Settings};

/// What a host brings.
pub struct Surroundings<'a> {
    /// Where sessions are kept.
    pub sessions: Arc<dyn SessionStore>,
    /// Time, tasks and randomness.
    pub runtime: Arc<dyn Runtime>,
    /// What the server listens on; nothing, where that cannot be told.
    pub addresses: &'a [SocketAddr],
    /// What a server with sign-in needs besides. Asked for by such a server alone.
    pub oauth: &'a dyn Fn() -> Result<OAuth, Error>,
}

/// What a server with sign-in needs of its host.
pub struct OAuth {
    /// Where its state is.
    pub store: Arc<dyn Store>,
    /// What seals it.
    pub keys: Keys,
    /// Bytes that an attacker cannot guess.
    pub random: Arc<dyn Random>,
    /// The way to other servers.
    pub fetcher: Arc<dyn Fetcher>,
}

/// The server as a service from HTTP request to response, with `settings` and what its builder says
/// over them.
///
/// # Errors
/// When a setting cannot be used.
pub fn service(
    server: Server,
    settings: Settings,
    surroundings: Surroundings<'_>,
) -> Result<McpService, Error> {
    let settings = server.over(settings);
    server.within(&settings, surroundings)
}
