//! Authenticates requests and checks their permissions. Refuses with a challenge.

use std::{sync::Arc, time::Duration};

use farport_core::{
    Principal, Request, RequestMeta, RpcError, Runtime, envelope::Rejected, policy::Verdict,
};
use farport_oauth::{BearerError, Challenge, Scopes, Site, bearer_token};
use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{Auth, Presented, lease::Credential, unix_time, well_known};
use crate::{
    caller::{Address, Identified},
    paths,
    refusal::{Refusal, WithHeader},
};

impl Auth {
    /// Authenticates a request to the resource at `path`.
    pub(crate) async fn identify(
        &self,
        parts: &Parts,
        path: &'static str,
        address: Address,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Identified, Refusal> {
        // Only the host can insert this extension.
        if let Some(known) = parts.extensions.get::<Principal>() {
            return Ok(known.clone().into());
        }
        let site = self.site(parts).ok_or(Refusal::Internal)?;
        let slash = well_known::slash(parts.uri.path());
        let challenger = Challenger {
            auth: self,
            site,
            path,
            slash,
        };
        let token = bearer_token(&parts.headers, parts.uri.query());
        let Some(token) = token.map_err(|error| challenger.bearer(error))? else {
            return if self.has_public_parts {
                Ok(Principal::Anonymous.into())
            } else {
                Err(challenger.sign_in(&self.default_scopes, None))
            };
        };
        let presented = Presented {
            token,
            address,
            max_age: Duration::MAX,
            now: unix_time(&**runtime),
        };
        let validated = self.authenticate(site, path, presented, runtime).await;
        let validated = validated.map_err(|error| challenger.bearer(error))?;
        let header = parts.headers.get(header::AUTHORIZATION);
        let index = self.sites.iter().position(|one| std::ptr::eq(one, site));
        Ok(Identified {
            principal: Principal::User(validated.user),
            credential: header.zip(index).map(|(header, site)| {
                Arc::new(Credential {
                    header: header.clone(),
                    site,
                    path,
                    address,
                    expires: validated.expires,
                })
            }),
        })
    }

    /// Checks whether the caller is permitted to make this request.
    pub(crate) fn permit(
        &self,
        principal: &Principal,
        parts: &Parts,
        request: &Request,
        meta: &RequestMeta,
    ) -> Result<(), Refusal> {
        let (method, params) = (&request.method, request.params.as_ref());
        let verdict = self.policy.check(principal, method, meta, params);
        let (needed, signed_in) = match verdict {
            Verdict::Allowed => return Ok(()),
            Verdict::Denied => {
                let error = RpcError::forbidden("Permission denied");
                let rejected = Rejected {
                    id: Some(request.id.clone()),
                    error,
                };
                return Err(Refusal::Status(StatusCode::OK, rejected));
            }
            Verdict::SignIn(scopes) => (scopes, false),
            Verdict::Scopes(scopes) => (scopes, true),
        };
        let site = self.site(parts).ok_or(Refusal::Internal)?;
        let path = match paths::endpoint(parts.uri.path()) {
            paths::SSE | paths::SSE_MESSAGE => paths::SSE,
            _ => paths::MCP,
        };
        let slash = well_known::slash(parts.uri.path());
        let challenger = Challenger {
            auth: self,
            site,
            path,
            slash,
        };
        let rejected = |error| Rejected {
            id: Some(request.id.clone()),
            error,
        };
        let needed: Scopes = needed.into_iter().collect();
        if !signed_in {
            let scopes = needed.either(&self.default_scopes);
            let error = RpcError::unauthorized("Sign in to use this");
            return Err(challenger.sign_in(&scopes, Some(rejected(error))));
        }
        let error = RpcError::forbidden(format!(
            "Permission denied: this request needs the scopes {needed}"
        ));
        let text = "This request needs scopes that the token does not have";
        Err(challenger.refuse(
            StatusCode::FORBIDDEN,
            &needed,
            Some(("insufficient_scope", text)),
            rejected(error),
        ))
    }
}

/// Builds refusals with a challenge for the requested resource.
struct Challenger<'a> {
    auth: &'a Auth,
    site: &'a Site,
    path: &'a str,
    /// The trailing slash of the path, if the client wrote one.
    slash: &'a str,
}

impl Challenger<'_> {
    fn refuse(
        &self,
        status: StatusCode,
        scopes: &Scopes,
        error: Option<(&str, &str)>,
        rejected: Rejected,
    ) -> Refusal {
        let metadata = well_known::resource_metadata_url(self.site, self.path, self.slash);
        let challenge = Challenge {
            resource_metadata: &metadata,
            scopes,
            error,
        };
        let challenge = HeaderValue::from_str(&challenge.to_string()).ok();
        Refusal::WithHeader(Box::new(WithHeader {
            status,
            header: challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)),
            rejected,
        }))
    }

    /// Refuses with 401 and a request to sign in.
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
                let text = "The token is invalid, expired, revoked, or for another server";
                self.refuse(
                    StatusCode::UNAUTHORIZED,
                    scopes,
                    Some(("invalid_token", text)),
                    RpcError::unauthorized(text).into(),
                )
            }
            BearerError::TooMany(seconds) => Refusal::too_many(seconds, None),
            BearerError::Unavailable(why) => {
                tracing::error!(why, "cannot validate a token");
                Refusal::Unavailable(
                    "The server cannot validate the token at the moment: try again later",
                )
            }
        }
    }
}
