//! The token endpoint (OAuth 2.1, section 3.2).

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use super::{
    Clients, Core, Grants, authentication::ClientAuthenticator, token_request::TokenRequest,
};
use crate::{
    AccessToken, Client, Digest, ErrorCode, Grant, OAuthError, Redemption, RefreshToken, Rotation,
    RotationTimes, Scopes, Site, Tokens, UnixTime,
    keys::GrantKey,
    parameters::Parameters,
    token::{SecretKind, digest},
};

/// Two requests with the same refresh token within this time are concurrent: the server serves one
/// of them and asks the other to retry. A later one comes from a client that lost the response.
const CONCURRENT: Duration = Duration::from_secs(2);

/// How long a client that lost a response can retry with its previous refresh token. The period ends
/// early when the client uses a token from the response.
const GRACE: Duration = Duration::from_secs(60);

/// A token response.
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    #[serde(serialize_with = "expose")]
    access_token: SecretString,
    token_type: &'static str,
    expires_in: u64,
    #[serde(
        serialize_with = "expose_some",
        skip_serializing_if = "Option::is_none"
    )]
    refresh_token: Option<SecretString>,
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    scope: Scopes,
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn expose_some<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose(secret, serializer),
        None => serializer.serialize_none(),
    }
}

/// Issued tokens: the response to the client, and the records for the store.
struct Issued {
    response: TokenResponse,
    stored: Tokens,
    grant_expires: UnixTime,
}

/// The token, revocation and introspection endpoints.
pub struct TokenEndpoint {
    pub(super) core: Arc<Core>,
    pub(super) clients: Arc<Clients>,
    pub(super) authenticator: ClientAuthenticator,
    pub(super) grants: Arc<Grants>,
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

impl TokenEndpoint {
    /// Handles a token request: redeems a code or rotates a refresh token.
    ///
    /// # Errors
    /// The errors of RFC 6749, section 5.2. [`ErrorCode::status`] is the HTTP status.
    pub async fn token(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<TokenResponse, OAuthError> {
        let (client, form) = self.authenticator.read_form(site, request, now).await?;
        let response = match form.get("grant_type") {
            Some("authorization_code") => self.redeem(site, &client, &form, now).await?,
            Some("refresh_token") => self.refresh(site, &client, &form, now).await?,
            Some(_) => {
                let text = "grant_type must be authorization_code or refresh_token";
                return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, text));
            }
            None => return Err(OAuthError::invalid_request("grant_type is missing")),
        };
        self.clients.extend(&client, now).await;
        Ok(response)
    }

    async fn redeem(
        &self,
        site: &Site,
        client: &Client,
        form: &Parameters,
        now: UnixTime,
    ) -> Result<TokenResponse, OAuthError> {
        let code = secret(form, "code", SecretKind::Code)?;
        let id = digest(&code);
        let found = self.core.store().code(&id).await?;
        let (stored, grant) = found
            .filter(|(_, grant)| grant.client == client.id)
            .filter(|(_, grant)| site.holds(&grant.resource))
            .ok_or_else(OAuthError::invalid_grant)?;
        if stored.used {
            // Two parties may have the code, so its tokens are revoked (OAuth 2.1, section 4.1.3).
            tracing::warn!(grant = %grant.id, client = %client.id, "ended a grant, because its code was used again");
            self.grants.end(&grant.id).await?;
            if let Ok(key) = self.unwrapped(&code, &stored.wrapped) {
                self.grants.revoke_upstream(&grant, &key);
            }
            return Err(OAuthError::invalid_grant());
        }
        if stored.expires <= now {
            return Err(OAuthError::invalid_grant());
        }
        let redirect = form.get("redirect_uri");
        if redirect.is_some_and(|uri| *uri != *grant.redirect_uri) {
            return Err(OAuthError::invalid_grant());
        }
        check_verifier(form.get("code_verifier"), &stored.challenge)?;
        let resource = narrowed(site, form.get("resource"), &grant.resource)?;
        let key = self.unwrapped(&code, &stored.wrapped)?;
        let scopes = grant.scopes.clone();
        let narrowed = Narrowed {
            resource,
            scopes,
            replaces: None,
        };
        let issued = self.issue_tokens(client, &grant, &key, narrowed, now);
        let store = self.core.store();
        let expires = issued.grant_expires;
        match store.redeem(&id, issued.stored, expires).await? {
            Redemption::Redeemed => {
                self.grants.limit(&grant).await;
                Ok(issued.response)
            }
            Redemption::Replayed => {
                tracing::warn!(grant = %grant.id, client = %client.id, "ended a grant, because its code was used twice");
                self.grants.forget(&grant.id);
                self.grants.revoke_upstream(&grant, &key);
                Err(OAuthError::invalid_grant())
            }
            Redemption::Unknown => Err(OAuthError::invalid_grant()),
        }
    }

    async fn refresh(
        &self,
        site: &Site,
        client: &Client,
        form: &Parameters,
        now: UnixTime,
    ) -> Result<TokenResponse, OAuthError> {
        if !client.refreshes {
            let text = "this client is not registered for refresh tokens";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        let token = secret(form, "refresh_token", SecretKind::Refresh)?;
        let id = digest(&token);
        let found = self.core.store().refresh_token(&id).await?;
        let (stored, grant) = found
            .filter(|(_, grant)| grant.client == client.id)
            .filter(|(_, grant)| site.holds(&grant.resource))
            .filter(|(stored, grant)| stored.expires > now && grant.expires > now)
            .ok_or_else(OAuthError::invalid_grant)?;
        let scopes = self.narrowed_scopes(form.get("scope"), &grant.scopes)?;
        let resource = narrowed(site, form.get("resource"), &grant.resource)?;
        let key = self.unwrapped(&token, &stored.wrapped)?;
        let narrowed = Narrowed {
            resource,
            scopes,
            replaces: Some(id),
        };
        let issued = self.issue_tokens(client, &grant, &key, narrowed, now);
        let times = RotationTimes {
            now,
            grant_expires: issued.grant_expires,
            concurrent: CONCURRENT,
            grace: GRACE,
        };
        let rotated = self.core.store().rotate(&id, issued.stored, times).await?;
        match rotated {
            Rotation::Rotated => Ok(issued.response),
            Rotation::Concurrent => {
                let text = "another request is using this refresh token; try again";
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, text);
                Err(error.retry_after(CONCURRENT))
            }
            Rotation::Reused => {
                tracing::warn!(grant = %grant.id, client = %client.id, "ended a grant, because a refresh token was reused");
                self.grants.forget(&grant.id);
                self.grants.revoke_upstream(&grant, &key);
                Err(OAuthError::invalid_grant())
            }
            Rotation::Unknown => Err(OAuthError::invalid_grant()),
        }
    }

    /// The scopes of a refreshed token: those of the grant, or fewer if the client requests fewer.
    ///
    /// Unknown scopes are ignored, because some clients repeat the scopes of the authorization request,
    /// including `openid`.
    fn narrowed_scopes(
        &self,
        parameter: Option<&str>,
        granted: &Scopes,
    ) -> Result<Scopes, OAuthError> {
        let Some(parameter) = parameter else {
            return Ok(granted.clone());
        };
        let requested = Scopes::parse(parameter)
            .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))?;
        let known = requested.both(&self.core.config.scopes.either(granted));
        if known.is_empty() {
            return Ok(granted.clone());
        }
        if !granted.covers(&known) {
            let text = "scope contains more than the user granted";
            return Err(OAuthError::new(ErrorCode::InvalidScope, text));
        }
        Ok(known)
    }

    fn unwrapped(&self, token: &SecretString, wrapped: &[u8]) -> Result<GrantKey, OAuthError> {
        self.core.keys.unwrap(token, wrapped).map_err(|error| {
            tracing::error!(%error, "cannot decrypt a grant's key; check the master key");
            OAuthError::invalid_grant()
        })
    }

    fn issue_tokens(
        &self,
        client: &Client,
        grant: &Grant,
        key: &GrantKey,
        narrowed: Narrowed,
        now: UnixTime,
    ) -> Issued {
        let Narrowed {
            resource,
            scopes,
            replaces,
        } = narrowed;
        let random = self.core.random();
        let longest = if client.refreshes {
            self.core.config.refresh_lifetime
        } else {
            self.core.config.access_lifetime
        };
        let grant_expires = grant.deadline.min(now.after(longest));
        let expires = grant_expires.min(now.after(self.core.config.access_lifetime));
        let access = SecretKind::Access.random(random);
        let refresh = client.refreshes.then(|| SecretKind::Refresh.random(random));
        let stored = Tokens {
            access: AccessToken {
                id: digest(&access),
                grant: grant.id.clone(),
                resource,
                scopes: scopes.clone(),
                issued: now,
                expires,
                replaces,
                wrapped: self.core.keys.wrap(random, &access, key),
            },
            refresh: refresh.as_ref().map(|refresh| RefreshToken {
                id: digest(refresh),
                grant: grant.id.clone(),
                expires: grant_expires,
                wrapped: self.core.keys.wrap(random, refresh, key),
            }),
        };
        Issued {
            response: TokenResponse {
                access_token: access,
                token_type: "Bearer",
                expires_in: now.until(expires).as_secs(),
                refresh_token: refresh,
                scope: scopes,
            },
            stored,
            grant_expires,
        }
    }
}

/// The resource and scopes of new tokens: those of the grant, or fewer.
struct Narrowed {
    resource: Arc<str>,
    scopes: Scopes,
    /// The refresh token that the new tokens replace.
    replaces: Option<Digest>,
}

/// Reads a parameter with a code or a token.
fn secret(form: &Parameters, name: &str, kind: SecretKind) -> Result<SecretString, OAuthError> {
    let text = form
        .get(name)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))?;
    if !kind.fits(text) {
        return Err(OAuthError::invalid_grant());
    }
    Ok(text.into())
}

/// The resource of a new token: that of the grant, or a part of it if the client requests one.
fn narrowed(
    site: &Site,
    parameter: Option<&str>,
    granted: &Arc<str>,
) -> Result<Arc<str>, OAuthError> {
    let Some(parameter) = parameter else {
        return Ok(granted.clone());
    };
    let requested = site.requested(Some(parameter));
    let requested = requested.filter(|one| one == granted || granted == site.issuer());
    requested.ok_or_else(|| {
        let text = "resource differs from what the user granted";
        OAuthError::new(ErrorCode::InvalidTarget, text)
    })
}

/// Checks a code verifier against the challenge (RFC 7636, section 4.6).
fn check_verifier(verifier: Option<&str>, challenge: &Digest) -> Result<(), OAuthError> {
    let verifier =
        verifier.ok_or_else(|| OAuthError::invalid_request("code_verifier is missing"))?;
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        let text = "code_verifier must have 43 to 128 unreserved characters";
        return Err(OAuthError::invalid_request(text));
    }
    if Digest::of(verifier) != *challenge {
        return Err(OAuthError::invalid_grant());
    }
    Ok(())
}

/// Reads a code challenge. S256 is the only supported method (RFC 7636, section 4.3).
pub(crate) fn challenge(
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<Digest, OAuthError> {
    let challenge =
        challenge.ok_or_else(|| OAuthError::invalid_request("code_challenge is missing"))?;
    if method != Some("S256") {
        let text = "code_challenge_method must be S256";
        return Err(OAuthError::invalid_request(text));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(challenge).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| {
        OAuthError::invalid_request("code_challenge must be the base64url of a SHA-256 hash")
    })?;
    Ok(Digest(bytes))
}
