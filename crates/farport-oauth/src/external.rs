//! An authorization server elsewhere, whose tokens are checked here and not issued.

mod checked;
mod metadata;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use self::{
    checked::{Checked, Refusal},
    metadata::Discovery,
};
use crate::{
    Authenticated, BearerError, Digest, Reach, UnixTime,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{self, Algorithm, Expect},
    outgoing::Failure,
    provider::{InvalidSettings, SecretIn, World, claims::Permissions, exchange::App, urls},
};

/// An authorization server elsewhere (RFC 9728): clients sign their users in there, and bring its
/// tokens here.
///
/// A token is good when it is the server's, is for the resource that it is brought to, and its
/// time has come and has not passed. What its `scope` or `scp` claim names is what it allows.
///
/// A token that is bound to its holder's key (`cnf`) is refused: that it is brought by its holder
/// cannot be checked here.
pub struct ExternalServer {
    issuer: Arc<str>,
    how: How,
    discovery: Discovery,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    scopes: Vec<Permissions>,
    /// What was found out a moment ago; nothing, of a token that is not good.
    checked: Cache<Digest, Remembered>,
}

#[derive(Clone)]
struct Remembered {
    who: Option<Arc<Authenticated>>,
    until: UnixTime,
}

/// How it is found out whether a token is good.
enum How {
    /// It is a JWT (RFC 9068), signed with the server's keys.
    Signature {
        /// The keys in the settings.
        set: Option<Arc<RemoteKeys>>,
        /// Those that the metadata name.
        found: Mutex<Option<Arc<RemoteKeys>>>,
    },
    /// The server is asked (RFC 7662).
    Question {
        app: App,
        secret_in: Option<SecretIn>,
        endpoint: Option<Url>,
    },
}

impl ExternalServer {
    /// How far the server's clock may be off.
    const LEEWAY: Duration = Duration::from_secs(60);

    /// How long a token is believed without looking again. What the server revokes is good for as
    /// much longer.
    const BELIEVED: Duration = Duration::from_secs(30);

    /// How long a token is disbelieved without asking again.
    const DISBELIEVED: Duration = Duration::from_secs(10);

    /// The most tokens that are remembered.
    const REMEMBERED: usize = 20_000;

    /// The server with this issuer, whose tokens are JWTs. Its keys are found by its metadata
    /// (RFC 8414, or OpenID Connect Discovery).
    ///
    /// # Errors
    /// When the issuer is not an https URL (http is good for localhost).
    pub fn jwt(issuer: &str) -> Result<Self, InvalidSettings> {
        let how = How::Signature {
            set: None,
            found: Mutex::default(),
        };
        Self::at(issuer, how)
    }

    /// The server with this issuer, which is asked about each token. We are a client of it. Its
    /// introspection endpoint is found by its metadata.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http is good for localhost).
    pub fn introspection(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let how = How::Question {
            app: App::new(client_id, client_secret),
            secret_in: None,
            endpoint: None,
        };
        Self::at(issuer, how)
    }

    fn at(issuer: &str, how: How) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the issuer", issuer)?;
        Ok(Self {
            discovery: Discovery::new(&url, issuer),
            issuer: issuer.into(),
            how,
            audience: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            scopes: vec![Permissions::new("scope"), Permissions::new("scp")],
            checked: Cache::new(Self::REMEMBERED),
        })
    }

    /// Where its keys are, in place of where its metadata say. Only for JWTs.
    ///
    /// # Errors
    /// When it is not an https URL (http is good for localhost), or tokens are not JWTs.
    pub fn keys_at(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the URL of the keys", url)?;
        match &mut self.how {
            How::Signature { set, .. } => {
                *set = Some(Arc::new(RemoteKeys::new(url, Reach::Configured)));
            }
            How::Question { .. } => {
                let why = "keys are for tokens that are checked by their signature";
                return Err(InvalidSettings(why.into()));
            }
        }
        Ok(self)
    }

    /// Where it is asked about a token, in place of where its metadata say. Only for
    /// introspection.
    ///
    /// # Errors
    /// When it is not an https URL (http is good for localhost), or it is not asked.
    pub fn introspection_at(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the introspection endpoint", url)?;
        match &mut self.how {
            How::Question { endpoint, .. } => *endpoint = Some(url),
            How::Signature { .. } => {
                let why = "tokens that are checked by their signature are not asked about";
                return Err(InvalidSettings(why.into()));
            }
        }
        Ok(self)
    }

    /// Where the client secret goes when the server is asked. By default what its metadata say,
    /// the header if they allow it.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        if let How::Question { secret_in, .. } = &mut self.how {
            *secret_in = Some(place);
        }
        self
    }

    /// One more audience that is ours. By default a token has to be for the very resource that it
    /// is brought to (RFC 8707); with this, for one of those named instead. Some servers put a
    /// name there that an operator gave to an API, or to a project.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// One more claim that says what a token allows, such as `permissions`: an array of strings,
    /// or a string with spaces between them. A name that begins with `/` is a JSON pointer.
    #[must_use]
    pub fn permissions_claim(mut self, claim: impl Into<String>) -> Self {
        self.scopes.push(Permissions::new(claim));
        self
    }

    /// How JWTs may be signed. By default in any way that [`Algorithm`] knows.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Its identifier.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Who brings `token` to `resource`.
    ///
    /// # Errors
    /// When it is not good there, or the server cannot be reached.
    pub async fn validate(
        &self,
        token: &str,
        resource: &str,
        world: World<'_>,
    ) -> Result<Arc<Authenticated>, BearerError> {
        if token.len() > jwt::LONGEST {
            return Err(BearerError::Invalid);
        }
        // No token has a space in it, so no other pair makes the same text.
        let key = Digest::of(format!("{token} {resource}"));
        let remembered = self.checked.get(&key);
        if remembered.is_some_and(|remembered| remembered.until <= world.now) {
            self.checked.remove(&key);
        }
        // Of all who bring one token at once, one looks, and the others wait for what it finds.
        let guard = match self.checked.get_value_or_guard_async(&key).await {
            Ok(Remembered { who, .. }) => return who.ok_or(BearerError::Invalid),
            Err(guard) => guard,
        };
        let outcome = match &self.how {
            How::Signature { .. } => self.check_signature(token, resource, world).await,
            How::Question { .. } => self.ask(token, resource, world).await,
        };
        let remembered = match &outcome {
            Ok(who) => Remembered {
                until: who.expires.map_or(world.now.after(Self::BELIEVED), |end| {
                    end.min(world.now.after(Self::BELIEVED))
                }),
                who: Some(who.clone()),
            },
            Err(BearerError::Invalid) if matches!(self.how, How::Question { .. }) => Remembered {
                until: world.now.after(Self::DISBELIEVED),
                who: None,
            },
            // A wrong signature costs little to find out again, and an outage ends.
            Err(_) => return outcome,
        };
        // That somebody has emptied the cache meanwhile takes nothing away from what was found.
        drop(guard.insert(remembered));
        outcome
    }

    async fn check_signature(
        &self,
        token: &str,
        resource: &str,
        world: World<'_>,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let ours: Vec<&str> = self.audiences(resource);
        let expect = Expect {
            algorithms: &self.algorithms,
            types: &["at+jwt", "JWT"],
            issuer: &self.issuer,
            audience: &ours,
            now: world.now,
            leeway: Self::LEEWAY,
        };
        let keys = self.keys(world).await?;
        let claims = match keys.verify(token, &expect, world).await {
            Ok(claims) => claims,
            Err(RemoteKeysError::Token(why)) => return Err(self.refuse(&why)),
            Err(RemoteKeysError::Unavailable(why)) => return Err(BearerError::Unavailable(why)),
        };
        self.accept(Checked::token(claims.members))
    }

    async fn ask(
        &self,
        token: &str,
        resource: &str,
        world: World<'_>,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let How::Question {
            app,
            secret_in,
            endpoint,
        } = &self.how
        else {
            return Err(BearerError::Unavailable("nobody is asked".into()));
        };
        let (endpoint, place) = match (endpoint, secret_in) {
            (Some(endpoint), Some(place)) => (endpoint.clone(), *place),
            (Some(endpoint), None) => (endpoint.clone(), SecretIn::Header),
            (None, place) => {
                let metadata = self.discovery.get(world).await;
                let metadata = metadata.map_err(BearerError::Unavailable)?;
                let Some(endpoint) = &metadata.introspection else {
                    let why = "the server's metadata have no introspection_endpoint";
                    return Err(BearerError::Unavailable(why.into()));
                };
                let place = place.unwrap_or(metadata.introspection_secret_in);
                (endpoint.clone(), place)
            }
        };
        let fields = vec![("token", token), ("token_type_hint", "access_token")];
        let answer = app.post(&endpoint, place, fields, world).await;
        let said: Result<Map<String, Value>, Failure> = answer
            .and_then(|answer| answer.good())
            .and_then(|answer| answer.object());
        let said = said.map_err(|failure| BearerError::Unavailable(failure.to_string()))?;
        let ours = self.audiences(resource);
        self.accept(Checked::answer(said, &self.issuer, &ours, world.now))
    }

    fn accept(&self, checked: Result<Checked, Refusal>) -> Result<Arc<Authenticated>, BearerError> {
        match checked {
            Ok(checked) => Ok(Arc::new(checked.who(&self.issuer, &self.scopes))),
            Err(why) => Err(self.refuse(&why)),
        }
    }

    fn refuse(&self, why: &dyn fmt::Display) -> BearerError {
        tracing::debug!(issuer = %self.issuer, error = %why, "a token is refused");
        BearerError::Invalid
    }

    fn audiences<'a>(&'a self, resource: &'a str) -> Vec<&'a str> {
        match self.audience.as_slice() {
            [] => vec![resource],
            named => named.iter().map(String::as_str).collect(),
        }
    }

    /// The keys: those in the settings, or those that the metadata name.
    async fn keys(&self, world: World<'_>) -> Result<Arc<RemoteKeys>, BearerError> {
        let How::Signature { set, found } = &self.how else {
            return Err(BearerError::Unavailable("there are no keys".into()));
        };
        if let Some(keys) = set {
            return Ok(keys.clone());
        }
        let metadata = self.discovery.get(world).await;
        let metadata = metadata.map_err(BearerError::Unavailable)?;
        let Some(url) = &metadata.keys else {
            let why = "the server's metadata have no jwks_uri";
            return Err(BearerError::Unavailable(why.into()));
        };
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match &*found {
            Some(keys) if keys.url() == url => Ok(keys.clone()),
            _ => {
                let keys = RemoteKeys::new(url.clone(), Reach::Configured);
                Ok(found.insert(Arc::new(keys)).clone())
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
