//! The authorization server.

mod authentication;
mod clients;
mod documents;
mod grants;
mod introspect;
mod metadata;
mod operator;
mod register;
mod revoke;
mod token;

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc, time::Duration};

use quick_cache::sync::Cache;

pub use documents::DocumentError;
pub use introspect::Introspection;
pub use metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata};
pub use operator::{NewApiToken, revoke_grants};
pub use register::Registration;
pub(crate) use token::challenge;
pub use token::{TokenRequest, TokenResponse};

use crate::{
    Client, ClientAuthentication, ClientId, ErrorCode, Fetcher, Keys, OAuthError, Random,
    RedirectPolicy, Scopes, Store, UnixTime,
    limiter::{Limiter, Rate, network},
    provider::Provider,
};

/// What can be set of an authorization server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The scopes there are.
    pub scopes: Scopes,
    /// Those that a client gets that asks for none, or for none that there are.
    pub default_scopes: Scopes,
    /// What a scope allows, in words for the consent page.
    pub scope_descriptions: HashMap<String, String>,
    /// Which redirect URIs are accepted.
    pub redirects: RedirectPolicy,
    /// Clients that the operator names.
    pub clients: Vec<Client>,
    /// Whether clients may register themselves (RFC 7591). They may, unless set.
    pub registration: bool,
    /// Whether a client may be the URL of its metadata document. It may, unless set.
    pub client_documents: bool,
    /// How long a code is good. Two minutes unless set; ten at most.
    pub code_lifetime: Duration,
    /// How long an access token is good. An hour unless set.
    pub access_lifetime: Duration,
    /// How long a refresh token is good. 30 days unless set.
    pub refresh_lifetime: Duration,
    /// How long a registered client is remembered that is not used. 90 days unless set.
    pub client_lifetime: Duration,
    /// How long consent is remembered. 90 days unless set; zero asks every time.
    pub consent_lifetime: Duration,
    /// How long a browser is remembered. Twelve hours unless set.
    pub sign_in_lifetime: Duration,
    /// How long somebody may take over a page. Ten minutes unless set.
    pub transaction_lifetime: Duration,
    /// The most registered clients. 10,000 unless set.
    pub most_clients: usize,
    /// The most transactions, and browsers that are remembered. 10,000 each unless set.
    pub most_transactions: usize,
    /// The most grants of one user; the ones unused for longest give way. 1,000 unless set.
    pub most_grants: usize,
    /// The most of these that are for one client. 100 unless set.
    pub most_grants_per_client: usize,
    /// How often one address may authorize or sign in, and how often it may have a client's
    /// document fetched. 60 at once, then 60 a minute, unless set.
    pub authorize_rate: Rate,
    /// How often one address may register a client. 20 at once, then 10 a minute, unless set.
    pub register_rate: Rate,
    /// How often one client may ask for tokens; a public one, at one address. 300 at once, then 300
    /// a minute, unless set. One address may ten times as often.
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

/// Codes live for ten minutes at most (OAuth 2.1, section 4.1.2).
const LONGEST_CODE: Duration = Duration::from_secs(600);

/// How users sign in.
pub enum SignInMethod {
    /// Under any name they like. For development on one's own machine: whoever serves this must
    /// refuse to be reached from elsewhere.
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

/// What the server needs of the world.
#[derive(Clone)]
pub struct Surroundings {
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// Where random bytes come from.
    pub random: Arc<dyn Random>,
    /// The way to other servers.
    pub fetcher: Arc<dyn Fetcher>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// An OAuth 2.1 authorization server, and the protected resources that its tokens are good at.
pub struct AuthorizationServer {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) sign_in: SignInMethod,
    pub(crate) world: Surroundings,
    pub(crate) tokens: crate::bearer::TokenCache,
    pub(crate) refreshing: crate::upstream::Refreshing,
    named: HashMap<ClientId, Client>,
    documents: Cache<ClientId, documents::Cached>,
    client_keys: Cache<String, Arc<crate::jwks::RemoteKeys>>,
    authorize_rate: Limiter<IpAddr>,
    register_rate: Limiter<IpAddr>,
    address_rate: Limiter<IpAddr>,
    document_rate: Limiter<IpAddr>,
    client_rate: Limiter<(ClientId, Option<IpAddr>)>,
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("config", &self.config)
            .field("sign_in", &self.sign_in)
            .finish_non_exhaustive()
    }
}

impl AuthorizationServer {
    /// A server that signs users in by `sign_in`.
    pub fn new(mut config: Config, keys: Keys, sign_in: SignInMethod, world: Surroundings) -> Self {
        config.code_lifetime = config.code_lifetime.min(LONGEST_CODE);
        config.transaction_lifetime = config.transaction_lifetime.min(LONGEST_CODE);
        let named = config.clients.iter();
        let Rate { burst, per_minute } = config.token_rate;
        let address_rate = Rate {
            burst: burst.saturating_mul(10),
            per_minute: per_minute.saturating_mul(10),
        };
        Self {
            named: named
                .map(|client| (client.id.clone(), client.clone()))
                .collect(),
            documents: Cache::new(1_000),
            client_keys: Cache::new(1_000),
            authorize_rate: Limiter::new(config.authorize_rate),
            register_rate: Limiter::new(config.register_rate),
            address_rate: Limiter::new(address_rate),
            document_rate: Limiter::new(config.authorize_rate),
            client_rate: Limiter::new(config.token_rate),
            tokens: crate::bearer::TokenCache::default(),
            refreshing: crate::upstream::Refreshing::default(),
            config,
            keys,
            sign_in,
            world,
        }
    }

    /// Lets go what has expired. To be called every few minutes. Answers how many things went.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, now: UnixTime) -> Result<usize, crate::StoreError> {
        self.world.store.purge(now).await
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.world.random
    }

    /// Counts a request to the authorization endpoint or to a page.
    pub(crate) fn admit_visitor(
        &self,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        admit(&self.authorize_rate, address.map(network).as_ref(), now)
    }

    fn admit_registration(&self, address: Option<IpAddr>, now: UnixTime) -> Result<(), OAuthError> {
        admit(&self.register_rate, address.map(network).as_ref(), now)
    }

    fn admit_address(&self, address: Option<IpAddr>, now: UnixTime) -> Result<(), OAuthError> {
        admit(&self.address_rate, address.map(network).as_ref(), now)
    }

    /// Counts a request to another server that an address causes by naming a client.
    fn admit_document(&self, address: Option<IpAddr>, now: UnixTime) -> Result<(), OAuthError> {
        admit(&self.document_rate, address.map(network).as_ref(), now)
    }

    /// Counts a request of a client. Anybody can name a public client, and everybody who uses it
    /// does: it is counted by address, so that nobody uses up what is another's.
    fn admit_client(
        &self,
        client: &Client,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        let public = matches!(client.authentication, ClientAuthentication::None);
        let network = address.filter(|_| public).map(network);
        admit(&self.client_rate, Some(&(client.id.clone(), network)), now)
    }
}

fn admit<K: std::hash::Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    asker: Option<&K>,
    now: UnixTime,
) -> Result<(), OAuthError> {
    let Some(asker) = asker else { return Ok(()) };
    limiter.admit(asker, now).map_err(|seconds| {
        OAuthError::new(ErrorCode::SlowDown, "Too many requests; try again later")
            .again_in(Duration::from_secs(seconds))
    })
}
