//! Authentication and authorization of requests.

mod authorize;
mod lease;
mod oauth;
mod pages;
mod upstream;
mod users;
mod well_known;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use farport_core::{Runtime, User, policy::Policy};
use farport_oauth::{
    ApiTokens, Authenticated, AuthorizationServer, BearerError, Scopes, Site, UnixTime,
};
use http::{header, request::Parts};

pub(crate) use lease::Credential;
pub(crate) use oauth::OAuthRoutes;

use crate::{paths, theme::Theme};

/// The paths of the resources that tokens are issued for.
pub const RESOURCES: [&str; 2] = [paths::MCP, paths::SSE];

/// The protection of a server: the authority for its tokens, and the permissions of its users.
#[derive(Debug)]
pub struct Auth {
    sites: Vec<Site>,
    authority: Authority,
    policy: Arc<Policy>,
    theme: Theme,
    /// Whether anonymous callers may do anything.
    has_public_parts: bool,
    default_scopes: Scopes,
    scopes: Scopes,
    /// The users of recently validated tokens.
    users: users::UserCache,
    revocations: Arc<lease::Revocations>,
}

/// The issuer of the tokens that a server accepts.
#[derive(Clone)]
pub enum Authority {
    /// The server itself.
    Own(Arc<AuthorizationServer>),
    /// An external authorization server, and the server's own API tokens.
    External(Arc<dyn TokenValidator>, Arc<ApiTokens>),
    /// The operator: only API tokens.
    ApiTokens(Arc<ApiTokens>),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(_) => "Own",
            Self::External(..) => "External",
            Self::ApiTokens(_) => "ApiTokens",
        })
    }
}

/// Validates the tokens of an external authorization server.
pub trait TokenValidator: Send + Sync + 'static {
    /// Returns the issuers whose tokens it accepts.
    fn issuers(&self) -> Vec<Arc<str>>;

    /// Validates `token` for `resource`, and returns its user.
    fn validate<'a>(
        &'a self,
        token: &'a str,
        resource: &'a str,
        now: UnixTime,
    ) -> farport_oauth::BoxFuture<'a, Result<Arc<Authenticated>, BearerError>>;

    /// Like [`TokenValidator::validate`], with the client's address and the maximum age of a cached
    /// result. The default implementation ignores both.
    fn validate_presented<'a>(
        &'a self,
        presented: Presented<'a>,
        resource: &'a str,
    ) -> farport_oauth::BoxFuture<'a, Result<Arc<Authenticated>, BearerError>> {
        self.validate(presented.token, resource, presented.now)
    }
}

/// A token and the circumstances of its use.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// The client's address, if the host knows it.
    pub address: Option<IpAddr>,
    /// The maximum age of a cached result. While a stream is open, the service checks its token every
    /// few seconds with a small age, so the stream ends soon after the token is revoked.
    pub max_age: Duration,
    /// The current time.
    pub now: UnixTime,
}

/// Omits the token, which is secret.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("address", &self.address)
            .field("max_age", &self.max_age)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// Creates the protection of a server that clients reach at `sites`. The first site is the default
    /// for requests that name none of them.
    ///
    /// `scopes` are all scopes of the server. `default_scopes` are those that a client should request
    /// first.
    pub fn new(
        sites: Vec<Site>,
        authority: Authority,
        policy: Arc<Policy>,
        scopes: Scopes,
        default_scopes: Scopes,
        theme: Theme,
    ) -> Self {
        let revocations: Arc<lease::Revocations> = Arc::default();
        if let Authority::Own(server) = &authority {
            let revocations = revocations.clone();
            let resources = server.resource_server();
            resources.on_revoked(move || revocations.notify());
        }
        Self {
            users: users::UserCache::default(),
            revocations,
            has_public_parts: policy.has_public_parts(),
            sites,
            authority,
            policy,
            theme,
            scopes,
            default_scopes,
        }
    }

    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    pub(crate) fn theme(&self) -> &Theme {
        &self.theme
    }

    /// Returns the URL of the site that received the request.
    pub(crate) fn issuer(&self, parts: &Parts) -> Option<&Arc<str>> {
        self.site(parts).map(Site::issuer)
    }

    fn own(&self) -> Option<&Arc<AuthorizationServer>> {
        match &self.authority {
            Authority::Own(server) => Some(server),
            Authority::External(..) | Authority::ApiTokens(_) => None,
        }
    }

    /// Returns the site that received the request.
    fn site(&self, parts: &Parts) -> Option<&Site> {
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(|a| a.as_str()).or(host);
        let named = |site: &&Site| host.is_some_and(|host| site.host().eq_ignore_ascii_case(host));
        self.sites.iter().find(named).or(self.sites.first())
    }

    /// Validates a token for the resource at `path` of `site`.
    async fn authenticate(
        &self,
        site: &Site,
        path: &str,
        presented: Presented<'_>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Validated, BearerError> {
        let Presented {
            token,
            max_age,
            now,
            ..
        } = presented;
        let no_resource = || BearerError::Unavailable(format!("no resource at {path}"));
        let resource = site.resource(path).ok_or_else(no_resource)?;
        let authenticated = match &self.authority {
            Authority::Own(server) => {
                let resources = server.resource_server();
                let who = resources.authenticate_within(site, resource, token, now, max_age);
                who.await?
            }
            Authority::External(_, tokens) | Authority::ApiTokens(tokens)
                if ApiTokens::fits(token) =>
            {
                tokens.authenticate_within(token, now, max_age).await?
            }
            Authority::External(validator, _) => {
                validator.validate_presented(presented, resource).await?
            }
            Authority::ApiTokens(_) => return Err(BearerError::Invalid),
        };
        let create = || Arc::new(self.user(&authenticated, runtime));
        Ok(Validated {
            user: self.users.get_or_create(token, &authenticated, create),
            expires: authenticated.expires,
        })
    }

    /// Creates the user that tools see.
    fn user(&self, authenticated: &Authenticated, runtime: &Arc<dyn Runtime>) -> User {
        let id = &authenticated.user;
        let mut user = User::new(id.issuer.clone(), id.subject.clone());
        user.name.clone_from(&authenticated.name);
        user.email.clone_from(&authenticated.email);
        user.scopes = authenticated.scopes.iter().map(Arc::from).collect();
        user.claims.clone_from(&authenticated.claims);
        let client = authenticated.client.as_ref();
        user.client = client.map(|client| client.0.clone());
        let upstream = self.own().zip(authenticated.upstream.clone());
        user.upstream = upstream.map(|(server, grant)| {
            upstream::token(server.upstream().clone(), grant, runtime.clone())
        });
        user
    }
}

/// A valid token's user and expiry.
struct Validated {
    user: Arc<User>,
    expires: Option<UnixTime>,
}

fn unix_time(runtime: &dyn Runtime) -> UnixTime {
    UnixTime(runtime.now().0 / 1000)
}
