//! Who sends a request, and what they may do.

mod oauth;
mod pages;
mod theme;
mod upstream;
mod well_known;

use std::{fmt, net::IpAddr, sync::Arc};

use farport_core::{Principal, Request, RequestMeta, RpcError, envelope::Rejected, policy::Policy};
#[cfg(feature = "sign-in")]
use farport_core::{User, policy::Verdict};
#[cfg(feature = "sign-in")]
use farport_oauth::bearer_token;
use farport_oauth::{
    ApiTokens, Authenticated, AuthorizationServer, BearerError, Challenge, Scopes, Site, UnixTime,
};
use http::{HeaderValue, StatusCode, header, request::Parts};

pub use theme::{Color, Logo, NotAColor, Theme};

use crate::{
    refusal::{Challenged, Refusal},
    service::Inner,
};

/// The paths that tokens are for.
pub const RESOURCES: [&str; 2] = ["/mcp", "/sse"];

/// What stands before a server: who vouches for its users, and who may use what.
#[derive(Debug)]
pub struct Auth {
    sites: Vec<Site>,
    authority: Authority,
    policy: Arc<Policy>,
    theme: Theme,
    /// Whether somebody without a token can do anything at all.
    has_public_parts: bool,
    default_scopes: Scopes,
    scopes: Scopes,
}

/// Who issues the tokens that are good here.
#[derive(Clone)]
pub enum Authority {
    /// This server itself.
    Own(Arc<AuthorizationServer>),
    /// An authorization server elsewhere; and this server's own API tokens.
    External(Arc<dyn TokenValidator>, Arc<ApiTokens>),
    /// An operator, by hand: API tokens alone.
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

/// Checks the tokens of an authorization server elsewhere.
pub trait TokenValidator: Send + Sync + 'static {
    /// The issuers whose tokens it takes.
    fn issuers(&self) -> Vec<Arc<str>>;

    /// Who brings `token` to `resource`.
    fn validate<'a>(
        &'a self,
        token: &'a str,
        resource: &'a str,
        now: UnixTime,
    ) -> farport_oauth::BoxFuture<'a, Result<Arc<Authenticated>, BearerError>>;
}

impl Auth {
    /// Lets in whom `authority` vouches for, at each of `sites`, of which the first is the one that
    /// is meant when a request names none of them.
    ///
    /// `scopes` are those there are, `default_scopes` those that a client is told to ask for at
    /// first.
    pub fn new(
        sites: Vec<Site>,
        authority: Authority,
        policy: Arc<Policy>,
        scopes: Scopes,
        default_scopes: Scopes,
        theme: Theme,
    ) -> Self {
        Self {
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

    fn own(&self) -> Option<&Arc<AuthorizationServer>> {
        match &self.authority {
            Authority::Own(server) => Some(server),
            Authority::External(..) | Authority::ApiTokens(_) => None,
        }
    }

    /// The site that a request was sent to.
    fn site(&self, parts: &Parts) -> Option<&Site> {
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(|a| a.as_str()).or(host);
        let named = |site: &&Site| {
            let authority = site.issuer().split_once("://").map(|(_, host)| host);
            authority
                .zip(host)
                .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        };
        self.sites.iter().find(named).or(self.sites.first())
    }
}

/// What a request was authenticated with, for refusing it later on.
struct Asked<'a> {
    auth: &'a Auth,
    site: &'a Site,
    path: &'a str,
}

impl Asked<'_> {
    fn refuse(
        &self,
        status: StatusCode,
        scopes: &Scopes,
        error: Option<(&str, &str)>,
        rejected: Rejected,
    ) -> Refusal {
        let metadata = well_known::resource_metadata_url(self.site, self.path);
        let challenge = Challenge {
            resource_metadata: &metadata,
            scopes,
            error,
        };
        Refusal::Challenged(Box::new(Challenged {
            status,
            challenge: HeaderValue::from_str(&challenge.to_string()).ok(),
            rejected,
        }))
    }

    /// 401: signing in would help.
    fn sign_in(&self, scopes: &Scopes, rejected: Option<Rejected>) -> Refusal {
        let text = "Sign in to use this server: a bearer token is required";
        let rejected = rejected.unwrap_or_else(|| RpcError::unauthorized(text).into());
        self.refuse(StatusCode::UNAUTHORIZED, scopes, None, rejected)
    }

    fn bearer(&self, error: BearerError) -> Refusal {
        let scopes = &self.auth.default_scopes;
        match error {
            BearerError::Malformed(text) => self.refuse(
                StatusCode::BAD_REQUEST,
                scopes,
                Some(("invalid_request", text)),
                RpcError::unauthorized(text).into(),
            ),
            BearerError::Invalid => {
                let text = "The token is not valid here, has expired or was revoked";
                self.refuse(
                    StatusCode::UNAUTHORIZED,
                    scopes,
                    Some(("invalid_token", text)),
                    RpcError::unauthorized(text).into(),
                )
            }
            BearerError::Unavailable(why) => {
                tracing::error!(why, "a token could not be checked");
                Refusal::Unavailable("The token cannot be checked at the moment")
            }
        }
    }
}

#[cfg(not(feature = "sign-in"))]
impl Inner {
    /// Who sends a request: nobody in particular.
    pub(crate) async fn principal(&self, _: &Parts, _: &'static str) -> Result<Principal, Refusal> {
        Ok(Principal::Anonymous)
    }

    /// Everybody may do everything.
    pub(crate) fn permit(
        &self,
        _: &Principal,
        _: &Parts,
        _: &Request,
        _: &RequestMeta,
    ) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(feature = "sign-in")]
impl Inner {
    /// Who sends a request to the resource at `path`.
    pub(crate) async fn principal(
        &self,
        parts: &Parts,
        path: &'static str,
    ) -> Result<Principal, Refusal> {
        let Some(auth) = &self.auth else {
            return Ok(Principal::Anonymous);
        };
        // Nothing that comes over a network can put one there.
        if let Some(known) = parts.extensions.get::<Principal>() {
            return Ok(known.clone());
        }
        let site = auth.site(parts).ok_or(Refusal::Internal)?;
        let asked = Asked { auth, site, path };
        let token = bearer_token(&parts.headers, parts.uri.query());
        let Some(token) = token.map_err(|error| asked.bearer(error))? else {
            return match auth.has_public_parts {
                true => Ok(Principal::Anonymous),
                false => Err(asked.sign_in(&auth.default_scopes, None)),
            };
        };
        let resource = site.resource(path).ok_or(Refusal::Internal)?;
        let now = self.unix_time();
        let who = match &auth.authority {
            Authority::Own(server) => server.authenticate(site, resource, token, now).await,
            Authority::External(_, tokens) | Authority::ApiTokens(tokens)
                if ApiTokens::fits(token) =>
            {
                tokens.authenticate(token, now).await
            }
            Authority::External(validator, _) => validator.validate(token, resource, now).await,
            Authority::ApiTokens(_) => Err(BearerError::Invalid),
        };
        let who = who.map_err(|error| asked.bearer(error))?;
        Ok(Principal::User(self.user(auth, &who)))
    }

    /// What a tool sees of who was authenticated. Made once for as long as a token is believed.
    fn user(&self, auth: &Auth, who: &Authenticated) -> Arc<User> {
        let made = who.extension.get_or_init(|| {
            let mut user = User::new(who.user.issuer.clone(), who.user.subject.clone());
            user.name.clone_from(&who.name);
            user.email.clone_from(&who.email);
            user.scopes = who.scopes.iter().map(Arc::from).collect();
            user.claims.clone_from(&who.claims);
            user.client = who.client.as_ref().map(|client| client.0.clone());
            user.upstream = auth.own().zip(who.upstream.clone()).map(|(server, grant)| {
                upstream::token(server.clone(), grant, self.runtime.clone())
            });
            Arc::new(user)
        });
        // Nobody else writes there.
        let made = made.clone().downcast();
        made.unwrap_or_else(|_| {
            let (issuer, subject) = (who.user.issuer.clone(), who.user.subject.clone());
            Arc::new(User::new(issuer, subject))
        })
    }

    /// Whether whoever sends a request may.
    pub(crate) fn permit(
        &self,
        principal: &Principal,
        parts: &Parts,
        request: &Request,
        meta: &RequestMeta,
    ) -> Result<(), Refusal> {
        let Some(auth) = &self.auth else {
            return Ok(());
        };
        let (method, params) = (&request.method, request.params.as_ref());
        let verdict = auth.policy.check(principal, method, meta, params);
        let (needed, signed_in) = match verdict {
            Verdict::Allowed => return Ok(()),
            Verdict::Denied => {
                let error = RpcError::forbidden("Permission denied: you may not use this");
                let rejected = Rejected {
                    id: Some(request.id.clone()),
                    error,
                };
                return Err(Refusal::Status(StatusCode::OK, rejected));
            }
            Verdict::SignIn(scopes) => (scopes, false),
            Verdict::Scopes(scopes) => (scopes, true),
        };
        let site = auth.site(parts).ok_or(Refusal::Internal)?;
        let path = match parts.uri.path().starts_with("/sse") {
            true => "/sse",
            false => "/mcp",
        };
        let asked = Asked { auth, site, path };
        let rejected = |error| Rejected {
            id: Some(request.id.clone()),
            error,
        };
        let needed: Scopes = needed.into_iter().collect();
        if !signed_in {
            let scopes = needed.either(&auth.default_scopes);
            let error = RpcError::unauthorized("Sign in to use this");
            return Err(asked.sign_in(&scopes, Some(rejected(error))));
        }
        let error = RpcError::forbidden(format!("Permission denied: this takes {needed}"));
        let text = "This takes scopes that the token does not have";
        Err(asked.refuse(
            StatusCode::FORBIDDEN,
            &needed,
            Some(("insufficient_scope", text)),
            rejected(error),
        ))
    }
}

impl Inner {
    pub(crate) fn unix_time(&self) -> UnixTime {
        UnixTime(self.runtime.now().0 / 1000)
    }
}

/// Where a request came from, if the host knows.
pub(crate) type Address = Option<IpAddr>;
