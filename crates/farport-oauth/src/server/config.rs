//! The settings of an authorization server, and what it needs from its host.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use crate::{
    Client, Fetcher, Random, RedirectPolicy, Scopes, Store, limiter::Rate, provider::Provider,
};

/// The settings of an authorization server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The supported scopes.
    pub scopes: Scopes,
    /// The scopes for a client that requests none, or only unknown ones.
    pub default_scopes: Scopes,
    /// The descriptions of scopes on the consent page.
    pub scope_descriptions: HashMap<String, String>,
    /// The accepted redirect URIs.
    pub redirects: RedirectPolicy,
    /// Clients from the settings.
    pub clients: Vec<Client>,
    /// Whether clients may register themselves (RFC 7591). Default: true.
    pub registration: bool,
    /// Whether a client ID may be the URL of a client metadata document. Default: true.
    pub client_documents: bool,
    /// The lifetime of a code. Default: 2 minutes; at most 10.
    pub code_lifetime: Duration,
    /// The lifetime of an access token. Default: 1 hour.
    pub access_lifetime: Duration,
    /// The lifetime of a refresh token. Default: 30 days.
    pub refresh_lifetime: Duration,
    /// The lifetime of a grant, even if its client keeps refreshing it. Default: 180 days. A change
    /// applies to new grants.
    pub grant_lifetime: Duration,
    /// How long an unused registered client is kept. Default: 90 days.
    pub client_lifetime: Duration,
    /// How long consent is remembered. Default: 90 days; zero always shows the consent page.
    pub consent_lifetime: Duration,
    /// How long a sign-in of a browser is remembered. Default: 12 hours.
    pub sign_in_lifetime: Duration,
    /// How long a user may take for a page. Default: 10 minutes.
    pub transaction_lifetime: Duration,
    /// The most registered clients. Default: 10,000.
    pub most_clients: usize,
    /// The most transactions, and the most remembered sign-ins. Default: 10,000 each.
    pub most_transactions: usize,
    /// The most grants of one user. Beyond, the least recently used grants end. Default: 1,000.
    pub most_grants: usize,
    /// The most grants of one user for one client. Default: 100.
    pub most_grants_per_client: usize,
    /// The rate of authorization and sign-in requests from one address, and of the fetches of client
    /// metadata documents that it causes. Default: 60 at once, then 60 per minute.
    pub authorize_rate: Rate,
    /// The rate of registrations from one address. Default: 20 at once, then 10 per minute.
    pub register_rate: Rate,
    /// The rate of token requests of one client; for a public client, from one address. Default: 300 at
    /// once, then 300 per minute. One address may send ten times as many for all clients together.
    pub token_rate: Rate,
}

impl Default for Config {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let rate = |burst, per_minute| Rate { burst, per_minute };
        Self {
            scopes: Scopes::none(),
            default_scopes: Scopes::none(),
            scope_descriptions: HashMap::new(),
            redirects: RedirectPolicy::default(),
            clients: Vec::new(),
            registration: true,
            client_documents: true,
            code_lifetime: Duration::from_secs(2 * MINUTE),
            access_lifetime: Duration::from_secs(HOUR),
            refresh_lifetime: Duration::from_secs(30 * DAY),
            grant_lifetime: Duration::from_secs(180 * DAY),
            client_lifetime: Duration::from_secs(90 * DAY),
            consent_lifetime: Duration::from_secs(90 * DAY),
            sign_in_lifetime: Duration::from_secs(12 * HOUR),
            transaction_lifetime: Duration::from_secs(10 * MINUTE),
            most_clients: 10_000,
            most_transactions: 10_000,
            most_grants: 1_000,
            most_grants_per_client: 100,
            authorize_rate: rate(60, 60),
            register_rate: rate(20, 10),
            token_rate: rate(300, 300),
        }
    }
}

impl Config {
    /// The longest lifetime of a code (OAuth 2.1, section 4.1.2).
    const LONGEST_CODE: Duration = Duration::from_secs(600);

    /// Shortens lifetimes that are longer than permitted.
    pub(super) fn limited(mut self) -> Self {
        self.code_lifetime = self.code_lifetime.min(Self::LONGEST_CODE);
        self.transaction_lifetime = self.transaction_lifetime.min(Self::LONGEST_CODE);
        self
    }
}

/// How users sign in.
pub enum SignInMethod {
    /// With any name. For development only: the host must reject connections from other machines.
    Development,
    /// At an identity provider.
    Provider(Arc<dyn Provider>),
}

impl fmt::Debug for SignInMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("Development"),
            Self::Provider(provider) => f.debug_tuple("Provider").field(&provider.name()).finish(),
        }
    }
}

/// The interfaces that the server needs from its host.
#[derive(Clone)]
pub struct Environment {
    /// Stores the state.
    pub store: Arc<dyn Store>,
    /// The source of random bytes.
    pub random: Arc<dyn Random>,
    /// Sends requests to other servers.
    pub fetcher: Arc<dyn Fetcher>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
