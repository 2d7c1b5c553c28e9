//! An external authorization server, whose tokens this server validates.

mod claims;
mod metadata;

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use self::{
    claims::{RejectReason, TokenClaims},
    metadata::Discovery,
};
use crate::{
    Authenticated, BearerError, Digest, Reach, UnixTime,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{self, Algorithm, Expect},
    limiter::{AddressLimiter, Rate},
    outgoing::Failure,
    provider::{FetchContext, InvalidSettings, SecretIn, claims::Permissions, exchange::App, urls},
};

/// An external authorization server (RFC 9728). Users sign in there, and clients present its tokens
/// here.
///
/// A token is valid when this server issued it for the requested resource and it is within its
/// lifetime. Its scopes are in its `scope` or `scp` claim.
///
/// A sender-constrained token (with a `cnf` claim) is rejected, because the proof of possession
/// cannot be verified here.
///
/// ```
/// use farport_oauth::ExternalServer;
///
/// let server = ExternalServer::jwt("https://id.example.com")?.audience("https://mcp.example.com/mcp");
/// # let _ = server;
/// # Ok::<(), farport_oauth::provider::InvalidSettings>(())
/// ```
pub struct ExternalServer {
    issuer: Arc<str>,
    validation: Validation,
    discovery: Discovery,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    scopes: Vec<Permissions>,
    /// Recent results.
    results: Cache<Digest, CachedResult>,
    /// How many introspection requests one network may cause.
    unknown: AddressLimiter,
    in_flight: AtomicUsize,
}

#[derive(Clone)]
struct CachedResult {
    /// `None` for a token that is not valid.
    who: Option<Arc<Authenticated>>,
    checked: UnixTime,
    until: UnixTime,
}

/// An introspection request. It counts until it is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sender of a token, and how old a cached result may be.
#[derive(Clone, Copy, Debug)]
pub struct Presenter {
    /// The address that the request came from.
    pub address: Option<IpAddr>,
    /// The greatest age of a cached introspection response.
    pub max_age: Duration,
}

impl Default for Presenter {
    /// An unknown address, and any cached result.
    fn default() -> Self {
        Self {
            address: None,
            max_age: Duration::MAX,
        }
    }
}

/// How tokens are validated.
enum Validation {
    /// As a JWT (RFC 9068), signed with the server's keys.
    Signature {
        /// The keys from the settings.
        configured: Option<Arc<RemoteKeys>>,
        /// The keys from the metadata.
        discovered: Mutex<Option<Arc<RemoteKeys>>>,
    },
    /// By introspection (RFC 7662).
    Introspection {
        app: App,
        secret_in: Option<SecretIn>,
        endpoint: Option<Url>,
    },
}

impl ExternalServer {
    /// How far the server's clock may be ahead. A token expires at its `exp` without leeway, because
    /// streams that it keeps open end then, too.
    const LEEWAY: Duration = Duration::from_secs(60);

    /// How long the result of a signature check is cached.
    const JWT_LIFETIME: Duration = Duration::from_secs(30);

    /// How long an introspection response is cached. A revoked token is accepted that much longer.
    const INTROSPECTION_LIFETIME: Duration = Duration::from_secs(10);

    /// How many unknown tokens one network may present. Tokens that were valid before do not count.
    const UNKNOWN_RATE: Rate = Rate {
        burst: 300,
        per_minute: 300,
    };

    /// The most concurrent introspection requests.
    const MOST_IN_FLIGHT: usize = 128;

    /// The most of these that are about unknown tokens.
    const MOST_UNKNOWN: usize = 64;

    /// How long the result for an invalid token is cached.
    const INVALID_LIFETIME: Duration = Duration::from_secs(10);

    /// The most cached results.
    const MOST_CACHED: usize = 20_000;

    /// A server whose tokens are JWTs. Its keys come from its metadata (RFC 8414, or OpenID Connect
    /// Discovery).
    ///
    /// # Errors
    /// When the issuer is not an https URL (http for localhost).
    pub fn jwt(issuer: &str) -> Result<Self, InvalidSettings> {
        let validation = Validation::Signature {
            configured: None,
            discovered: Mutex::default(),
        };
        Self::at(issuer, validation)
    }

    /// A server that validates its tokens by introspection. `client_id` and `client_secret` identify
    /// us there. Its introspection endpoint comes from its metadata.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http for localhost).
    pub fn introspection(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let validation = Validation::Introspection {
            app: App::new(client_id, client_secret),
            secret_in: None,
            endpoint: None,
        };
        Self::at(issuer, validation)
    }

    fn at(issuer: &str, validation: Validation) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the issuer", issuer)?;
        Ok(Self {
            discovery: Discovery::new(&url, issuer),
            issuer: issuer.into(),
            validation,
            audience: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            scopes: vec![Permissions::new("scope"), Permissions::new("scp")],
            results: Cache::new(Self::MOST_CACHED),
            unknown: AddressLimiter::new(Self::UNKNOWN_RATE),
            in_flight: AtomicUsize::new(0),
        })
    }

    /// Sets the URL of the keys, instead of the one in the metadata. Only for JWTs.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost), or tokens are validated by introspection.
    pub fn keys_at(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the URL of the keys", url)?;
        match &mut self.validation {
            Validation::Signature { configured, .. } => {
                *configured = Some(Arc::new(RemoteKeys::new(url, Reach::Configured)));
            }
            Validation::Introspection { .. } => {
                let why =
                    "the URL of the keys has no effect: tokens are validated by introspection";
                return Err(InvalidSettings(why.into()));
            }
        }
        Ok(self)
    }

    /// Sets the introspection endpoint, instead of the one in the metadata. Only for introspection.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost), or tokens are validated as JWTs.
    pub fn introspection_at(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the introspection endpoint", url)?;
        match &mut self.validation {
            Validation::Introspection { endpoint, .. } => *endpoint = Some(url),
            Validation::Signature { .. } => {
                let why = "the introspection endpoint has no effect: tokens are validated as JWTs";
                return Err(InvalidSettings(why.into()));
            }
        }
        Ok(self)
    }

    /// Sets where the client secret goes in an introspection request. By default a method that the
    /// metadata lists, the header if possible.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        if let Validation::Introspection { secret_in, .. } = &mut self.validation {
            *secret_in = Some(place);
        }
        self
    }

    /// Adds an accepted audience. By default the audience of a token has to be the requested resource
    /// (RFC 8707); with this, one of the added audiences. Some servers use the name of an API or of a
    /// project as the audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Adds a claim that contains scopes, such as `permissions`: an array of strings, or a
    /// space-separated string. A name that starts with `/` is a JSON pointer.
    #[must_use]
    pub fn permissions_claim(mut self, claim: impl Into<String>) -> Self {
        self.scopes.push(Permissions::new(claim));
        self
    }

    /// Sets the accepted signature algorithms. Default: [`Algorithm::ALL`].
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Validates `token` for `resource` and returns its holder.
    ///
    /// # Errors
    /// When the token is not valid for the resource, or the server cannot be reached.
    pub async fn validate(
        &self,
        token: &str,
        resource: &str,
        context: FetchContext<'_>,
    ) -> Result<Arc<Authenticated>, BearerError> {
        self.validate_from(token, resource, Presenter::default(), context)
            .await
    }

    /// Like [`ExternalServer::validate`], with information about the sender.
    ///
    /// # Errors
    /// When the token is not valid for the resource, the server cannot be reached, or the sender
    /// presents too many unknown tokens.
    pub async fn validate_from(
        &self,
        token: &str,
        resource: &str,
        presenter: Presenter,
        context: FetchContext<'_>,
    ) -> Result<Arc<Authenticated>, BearerError> {
        if token.len() > jwt::LONGEST {
            return Err(BearerError::Invalid);
        }
        // A token contains no space, so the text is unambiguous.
        let key = Digest::of(format!("{token} {resource}"));
        let introspects = matches!(self.validation, Validation::Introspection { .. });
        let mut was_valid = false;
        if let Some(cached) = self.results.get(&key) {
            was_valid = cached.who.is_some();
            let too_old = || {
                let age = cached.checked.until(context.now);
                introspects && was_valid && age > presenter.max_age
            };
            if cached.until <= context.now || too_old() {
                self.results.remove(&key);
            }
        }
        // Concurrent requests with the same token share one validation.
        let guard = match self.results.get_value_or_guard_async(&key).await {
            Ok(CachedResult { who, .. }) => return who.ok_or(BearerError::Invalid),
            Err(guard) => guard,
        };
        let (outcome, lifetime) = match &self.validation {
            Validation::Signature { .. } => (
                self.check_signature(token, resource, context).await,
                Self::JWT_LIFETIME,
            ),
            Validation::Introspection { .. } => {
                let _in_flight = self.admit(was_valid, presenter.address, context.now)?;
                let response = self.introspect(token, resource, context).await;
                (response, Self::INTROSPECTION_LIFETIME)
            }
        };
        let outcome = outcome.map(|mut who| {
            who.token = Some(key);
            Arc::new(who)
        });
        let (checked, limit) = (context.now, context.now.after(lifetime));
        let result = match &outcome {
            Ok(who) => CachedResult {
                until: who.expires.map_or(limit, |end| end.min(limit)),
                checked,
                who: Some(who.clone()),
            },
            Err(BearerError::Invalid) if introspects => CachedResult {
                until: context.now.after(Self::INVALID_LIFETIME),
                checked,
                who: None,
            },
            // A signature is cheap to check again, and an outage ends.
            Err(_) => return outcome,
        };
        // The insertion fails if the cache was cleared in the meantime. The result still counts.
        drop(guard.insert(result));
        outcome
    }

    /// Counts an introspection request.
    fn admit(
        &self,
        was_valid: bool,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<InFlight<'_>, BearerError> {
        if let (false, Some(address)) = (was_valid, address) {
            let admitted = self.unknown.admit(&address, now);
            admitted.map_err(BearerError::TooMany)?;
        }
        let most = if was_valid {
            Self::MOST_IN_FLIGHT
        } else {
            Self::MOST_UNKNOWN
        };
        let in_flight = InFlight(&self.in_flight);
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(BearerError::TooMany(1));
        }
        Ok(in_flight)
    }

    async fn check_signature(
        &self,
        token: &str,
        resource: &str,
        context: FetchContext<'_>,
    ) -> Result<Authenticated, BearerError> {
        let slashed = format!("{resource}/");
        let accepted = self.audiences(resource, &slashed);
        let expect = Expect {
            algorithms: &self.algorithms,
            types: &["at+jwt", "JWT"],
            issuer: &self.issuer,
            audience: &accepted,
            now: context.now,
            leeway: Self::LEEWAY,
        };
        let keys = self.keys(context).await?;
        let claims = match keys.verify(token, &expect, context).await {
            Ok(claims) => claims,
            Err(RemoteKeysError::Token(why)) => return Err(self.reject(&why)),
            Err(RemoteKeysError::Unavailable(why)) => return Err(BearerError::Unavailable(why)),
        };
        if claims.expires <= context.now {
            return Err(self.reject(&RejectReason::Time));
        }
        self.accept(TokenClaims::of_jwt(claims.members))
    }

    async fn introspect(
        &self,
        token: &str,
        resource: &str,
        context: FetchContext<'_>,
    ) -> Result<Authenticated, BearerError> {
        let Validation::Introspection {
            app,
            secret_in,
            endpoint,
        } = &self.validation
        else {
            return Err(BearerError::Unavailable(
                "the server does not use introspection".into(),
            ));
        };
        let (endpoint, place) = match (endpoint, secret_in) {
            (Some(endpoint), Some(place)) => (endpoint.clone(), *place),
            (Some(endpoint), None) => (endpoint.clone(), SecretIn::Header),
            (None, place) => {
                let metadata = self.discovery.get(context).await;
                let metadata = metadata.map_err(BearerError::Unavailable)?;
                let Some(endpoint) = &metadata.introspection else {
                    let why =
                        "the metadata of the authorization server has no introspection_endpoint";
                    return Err(BearerError::Unavailable(why.into()));
                };
                let place = place.unwrap_or(metadata.introspection_secret_in);
                (endpoint.clone(), place)
            }
        };
        let fields = vec![("token", token), ("token_type_hint", "access_token")];
        let response = app.post(&endpoint, place, fields, context).await;
        let members: Result<Map<String, Value>, Failure> = response
            .and_then(|response| response.ok())
            .and_then(|response| response.object());
        let members = members.map_err(|failure| BearerError::Unavailable(failure.to_string()))?;
        let slashed = format!("{resource}/");
        let accepted = self.audiences(resource, &slashed);
        self.accept(TokenClaims::of_introspection(
            members,
            &self.issuer,
            &accepted,
            context.now,
        ))
    }

    fn accept(
        &self,
        claims: Result<TokenClaims, RejectReason>,
    ) -> Result<Authenticated, BearerError> {
        match claims {
            Ok(claims) => Ok(claims.who(&self.issuer, &self.scopes)),
            Err(why) => Err(self.reject(&why)),
        }
    }

    fn reject(&self, why: &dyn fmt::Display) -> BearerError {
        tracing::debug!(issuer = %self.issuer, error = %why, "rejected a token");
        BearerError::Invalid
    }

    /// The accepted audiences of tokens for `resource`; `slashed` is its spelling with a slash at the
    /// end.
    fn audiences<'a>(&'a self, resource: &'a str, slashed: &'a str) -> Vec<&'a str> {
        match self.audience.as_slice() {
            [] => vec![resource, slashed],
            named => named.iter().map(String::as_str).collect(),
        }
    }

    /// The keys, from the settings or from the metadata.
    async fn keys(&self, context: FetchContext<'_>) -> Result<Arc<RemoteKeys>, BearerError> {
        let Validation::Signature {
            configured,
            discovered,
        } = &self.validation
        else {
            return Err(BearerError::Unavailable("the server has no keys".into()));
        };
        if let Some(keys) = configured {
            return Ok(keys.clone());
        }
        let metadata = self.discovery.get(context).await;
        let metadata = metadata.map_err(BearerError::Unavailable)?;
        let Some(url) = &metadata.keys else {
            let why = "the metadata of the authorization server has no jwks_uri";
            return Err(BearerError::Unavailable(why.into()));
        };
        let mut discovered = discovered.lock().unwrap_or_else(PoisonError::into_inner);
        match &*discovered {
            Some(keys) if keys.url() == url => Ok(keys.clone()),
            _ => {
                let keys = RemoteKeys::new(url.clone(), Reach::Configured);
                Ok(discovered.insert(Arc::new(keys)).clone())
            }
        }
    }
}

impl fmt::Debug for ExternalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalServer")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
