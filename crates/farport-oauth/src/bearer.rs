//! The resource server's side: whether a request brings a token that is good here (RFC 6750,
//! RFC 9728).

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, header};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use crate::{
    AuthorizationServer, ClientId, Digest, GrantId, Properties, Scopes, Site, StoreError, UnixTime,
    UserId, keys::GrantKey, token::Kind,
};

/// Who makes a request, by the token that it brings.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The user.
    pub user: UserId,
    /// What they are called.
    pub name: Option<String>,
    /// Their e-mail address, where it has been verified.
    pub email: Option<String>,
    /// Whatever else their provider said of them.
    pub claims: Map<String, Value>,
    /// What the token allows.
    pub scopes: Scopes,
    /// The client it was issued to.
    pub client: Option<ClientId>,
    /// When it ends.
    pub expires: Option<UnixTime>,
    /// The way to their provider's tokens, if there are any.
    pub upstream: Option<UpstreamGrant>,
    /// What a host has made of all this, kept for as long as this is.
    pub extension: OnceLock<Arc<dyn Any + Send + Sync>>,
    grant: Option<GrantId>,
}

impl Authenticated {
    /// A user with these scopes, of whom nothing else is known.
    pub fn new(user: UserId, scopes: Scopes) -> Self {
        Self {
            user,
            name: None,
            email: None,
            claims: Map::new(),
            scopes,
            client: None,
            expires: None,
            upstream: None,
            extension: OnceLock::new(),
            grant: None,
        }
    }
}

/// A grant whose provider's tokens can be had.
#[derive(Clone, Debug)]
pub struct UpstreamGrant {
    pub(crate) id: GrantId,
    pub(crate) key: GrantKey,
}

/// Why a request's credentials are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// It brings more than one token, or brings it in the query, or malformed: 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// The token is unknown, expired, revoked, or for another resource: 401.
    #[error("the token is not valid here")]
    Invalid,
    /// The server could not find out: 503 or 500.
    #[error("the token could not be checked: {0}")]
    Unavailable(String),
}

impl From<StoreError> for BearerError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The token that a request brings in its header, if it brings one.
///
/// # Errors
/// When it brings more than one, a malformed one, or one in the query, which would stand in logs.
pub fn bearer_token<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
) -> Result<Option<&'a str>, BearerError> {
    let named = |pair: &str| pair.split('=').next() == Some("access_token");
    if query.is_some_and(|query| query.split('&').any(named)) {
        let text = "A token belongs in the Authorization header, not in the query";
        return Err(BearerError::Malformed(text));
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BearerError::Malformed("There is one Authorization header"));
    }
    let malformed = BearerError::Malformed("The Authorization header is malformed");
    let Ok(value) = value.to_str() else {
        return Err(malformed);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    let body = token.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(fits) {
        return Err(malformed);
    }
    Ok(Some(token))
}

/// The value of a `WWW-Authenticate` header.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Where the resource's metadata are.
    pub resource_metadata: &'a str,
    /// The scopes that would do.
    pub scopes: &'a Scopes,
    /// What was wrong, and in words; `None` where there were no credentials.
    pub error: Option<(&'a str, &'a str)>,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer ")?;
        if let Some((code, description)) = self.error {
            write!(f, "error=\"{code}\", error_description=\"{description}\", ")?;
        }
        if !self.scopes.is_empty() {
            write!(f, "scope=\"{}\", ", self.scopes)?;
        }
        write!(f, "resource_metadata=\"{}\"", self.resource_metadata)
    }
}

/// Tokens that were good a moment ago.
pub(crate) struct TokenCache {
    tokens: Cache<Digest, Cached>,
    /// Counts what was revoked, so that nothing is remembered that was read before.
    revocations: AtomicU64,
}

#[derive(Clone)]
struct Cached {
    who: Arc<Authenticated>,
    audience: Arc<str>,
    until: UnixTime,
}

/// How long a token is believed without asking the store. What is revoked by this process is
/// forgotten at once; what another process revokes, after this time.
const BELIEVED: Duration = Duration::from_secs(10);

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            tokens: Cache::new(20_000),
            revocations: AtomicU64::new(0),
        }
    }
}

impl TokenCache {
    /// Who brings this token, and where it is good, if that was found out a moment ago.
    pub(crate) fn get(&self, id: &Digest, now: UnixTime) -> Option<(Arc<Authenticated>, Arc<str>)> {
        let cached = self.tokens.get(id).filter(|cached| cached.until > now)?;
        Some((cached.who, cached.audience))
    }

    /// Remembers a token for a moment.
    pub(crate) fn put(
        &self,
        id: Digest,
        who: Arc<Authenticated>,
        audience: Arc<str>,
        now: UnixTime,
    ) {
        let believed = now.after(BELIEVED);
        let until = who.expires.map_or(believed, |end| end.min(believed));
        let cached = Cached {
            who,
            audience,
            until,
        };
        self.tokens.insert(id, cached);
    }

    /// Forgets the tokens of a grant.
    pub(crate) fn forget(&self, grant: &GrantId) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        self.tokens
            .retain(|_, cached| cached.who.grant.as_ref() != Some(grant));
    }
}

impl AuthorizationServer {
    /// Who brings `token` to `resource`.
    ///
    /// # Errors
    /// When it is not good there, or the store fails.
    pub async fn authenticate(
        &self,
        site: &Site,
        resource: &str,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let id = Digest::of(token);
        let (who, audience) = match self.tokens.get(&id, now) {
            Some(cached) => cached,
            None => self.look_up(&id, token, now).await?,
        };
        // An API token is good at whatever its server serves.
        if !audience.is_empty() && !site.admits(&audience, resource) {
            return Err(BearerError::Invalid);
        }
        Ok(who)
    }

    async fn look_up(
        &self,
        id: &Digest,
        token: &str,
        now: UnixTime,
    ) -> Result<(Arc<Authenticated>, Arc<str>), BearerError> {
        let revocations = self.tokens.revocations.load(Ordering::SeqCst);
        let found = if Kind::Access.fits(token) {
            self.look_up_access(id, token, now).await?
        } else if Kind::Api.fits(token) {
            api_token(&*self.world.store, id, now).await?
        } else {
            None
        };
        let (who, audience) = found.ok_or(BearerError::Invalid)?;
        let who = Arc::new(who);
        self.tokens.put(*id, who.clone(), audience.clone(), now);
        if self.tokens.revocations.load(Ordering::SeqCst) != revocations {
            // It may have been this one.
            self.tokens.tokens.remove(id);
        }
        Ok((who, audience))
    }

    async fn look_up_access(
        &self,
        id: &Digest,
        token: &str,
        now: UnixTime,
    ) -> Result<Option<(Authenticated, Arc<str>)>, BearerError> {
        let found = self.world.store.access_token(id).await?;
        let live = found.filter(|(token, grant)| token.expires > now && grant.expires > now);
        let Some((stored, grant)) = live else {
            return Ok(None);
        };
        let opened = self.keys.unwrap(&token.into(), &stored.wrapped);
        let opened = opened.and_then(|key| {
            let plain = key.open(&grant.id.0, &grant.sealed)?;
            Ok((key, plain))
        });
        let Ok((key, plain)) = opened else {
            tracing::error!(grant = %grant.id, "a grant does not open; is the master key another one?");
            return Ok(None);
        };
        let properties: Properties = serde_json::from_slice(&plain)
            .map_err(|_| BearerError::Unavailable("a grant's properties do not parse".into()))?;
        let upstream = properties.upstream.is_some().then(|| UpstreamGrant {
            id: grant.id.clone(),
            key,
        });
        let who = Authenticated {
            name: properties.identity.name,
            email: properties.identity.email,
            claims: properties.identity.claims,
            client: Some(grant.client),
            expires: Some(stored.expires.min(grant.expires)),
            grant: Some(grant.id),
            upstream,
            ..Authenticated::new(grant.user, stored.scopes)
        };
        Ok(Some((who, stored.resource)))
    }
}

/// Whoever brings an API token. It has no audience: it is its server's own.
pub(crate) async fn api_token(
    store: &dyn crate::Store,
    id: &Digest,
    now: UnixTime,
) -> Result<Option<(Authenticated, Arc<str>)>, BearerError> {
    let token = store.api_token(id).await?;
    let token = token.filter(|token| token.expires.is_none_or(|end| end > now));
    Ok(token.map(|token| {
        let who = Authenticated {
            name: Some(token.label.to_string()),
            expires: token.expires,
            ..Authenticated::new(token.user, token.scopes)
        };
        (who, "".into())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_one_header_and_nowhere_else() {
        let read = |values: &[&str], query: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().expect("a value"));
            }
            let token = bearer_token(&headers, query);
            token.map(|token| token.map(str::to_owned)).ok()
        };
        for (values, query, expect) in [
            (&[][..], None, Some(None)),
            (&["Bearer abc"], None, Some(Some("abc"))),
            (&["bearer abc=="], Some("x=1"), Some(Some("abc=="))),
            (&["BEARER  abc "], None, Some(Some("abc"))),
            (&["Basic abc"], None, Some(None)),
            (&["Bearer"], None, None),
            (&["Bearer "], None, None),
            (&["Bearer a b"], None, None),
            (&["Bearer a,b"], None, None),
            (&["Bearer ="], None, None),
            (&["Bearer a", "Bearer a"], None, None),
            (&["Bearer a", "Basic b"], None, None),
            (&[], Some("access_token=abc"), None),
            (&["Bearer a"], Some("x=1&access_token=abc"), None),
        ] {
            let expect = expect.map(|token| token.map(str::to_owned));
            assert_eq!(read(values, query), expect, "{values:?} {query:?}");
        }
    }

    #[test]
    fn a_challenge_says_what_would_do() {
        let scopes = Scopes::parse("b a").expect("scopes");
        let mut challenge = Challenge {
            resource_metadata: "https://h/.well-known/oauth-protected-resource/mcp",
            scopes: &scopes,
            error: None,
        };
        assert_eq!(
            challenge.to_string(),
            "Bearer scope=\"a b\", resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\""
        );
        challenge.error = Some(("invalid_token", "It has expired"));
        assert!(
            challenge.to_string().starts_with(
                "Bearer error=\"invalid_token\", error_description=\"It has expired\", "
            )
        );
    }
}
