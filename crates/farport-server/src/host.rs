//! The seam between a server and what runs it.

use std::{net::SocketAddr, sync::Arc};

use farport_core::{Runtime, SessionStore};
use farport_oauth::{Fetcher, Keys, Random, Store};

use crate::error::Error;

/// What a host supplies.
pub struct Environment<'a> {
    /// The store of sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Time, tasks and randomness.
    pub runtime: Arc<dyn Runtime>,
    /// Whether a call can wait in memory between two requests of its client, for the client's answers.
    pub parks_calls: bool,
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
