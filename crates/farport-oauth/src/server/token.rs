//! The token endpoint (OAuth 2.1, section 3.2).

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use crate::{
    AccessToken, AuthorizationServer, Client, Digest, ErrorCode, Grant, OAuthError, Redemption,
    RefreshToken, Rotation, Scopes, Site, Tokens, UnixTime,
    keys::GrantKey,
    parameters::Parameters,
    token::{Kind, digest},
};

/// Two that bring the same refresh token within this time came at once: one of them is served,
/// and the other is told to come again. Whoever comes later has lost an answer.
const CONCURRENT: Duration = Duration::from_secs(2);

/// A request to the token endpoint, or to one like it.
#[derive(Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The `Authorization` header, if there is one.
    pub authorization: Option<&'a str>,
    /// The body, which is a form.
    pub body: &'a [u8],
    /// Who asks.
    pub address: Option<IpAddr>,
}

/// What it holds are secrets.
impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What the token endpoint answers.
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

/// Tokens as they go to the client and as they are stored.
struct Issued {
    response: TokenResponse,
    stored: Tokens,
    grant_expires: UnixTime,
}

impl AuthorizationServer {
    /// Answers the token endpoint: redeems a code, or rotates a refresh token.
    ///
    /// # Errors
    /// As RFC 6749, section 5.2, has them; see [`ErrorCode::status`] for what to answer with.
    pub async fn token(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<TokenResponse, OAuthError> {
        let (client, form) = self.form_of_client(site, request, now).await?;
        let response = match form.get("grant_type") {
            Some("authorization_code") => self.redeem(site, &client, &form, now).await?,
            Some("refresh_token") => self.refresh(site, &client, &form, now).await?,
            Some(_) => {
                let text = "grant_type is authorization_code or refresh_token";
                return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, text));
            }
            None => return Err(OAuthError::invalid_request("grant_type is missing")),
        };
        self.client_used(&client, now).await;
        Ok(response)
    }

    /// Reads a form and proves the client that sent it.
    pub(super) async fn form_of_client(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<(Client, Parameters), OAuthError> {
        self.admit_address(request.address, now)?;
        let form = Parameters::read(request.body)?;
        if let Some(name) = form.repeated() {
            let text = format!("{name} stands more than once");
            let code = match name {
                "resource" => ErrorCode::InvalidTarget,
                _ => ErrorCode::InvalidRequest,
            };
            return Err(OAuthError::new(code, text));
        }
        let client = self
            .authenticated_client(site, &request, &form, now)
            .await?;
        self.admit_client(&client, request.address, now)?;
        Ok((client, form))
    }

    async fn redeem(
        &self,
        site: &Site,
        client: &Client,
        form: &Parameters,
        now: UnixTime,
    ) -> Result<TokenResponse, OAuthError> {
        let code = secret(form, "code", Kind::Code)?;
        let id = digest(&code);
        let found = self.world.store.code(&id).await?;
        let (stored, grant) = found
            .filter(|(_, grant)| grant.client == client.id)
            .filter(|(_, grant)| site.holds(&grant.resource))
            .ok_or_else(OAuthError::invalid_grant)?;
        if stored.used {
            // Whoever has it twice may be two; what it gave goes (OAuth 2.1, section 4.1.3).
            tracing::warn!(grant = %grant.id, client = %client.id, "a code was used again");
            self.end_grant(&grant.id).await?;
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
        let issued = self.issue_tokens(client, &grant, &key, resource, scopes, now);
        let store = &self.world.store;
        let expires = issued.grant_expires;
        match store.redeem(&id, issued.stored, expires).await? {
            Redemption::Redeemed => {
                self.bound_grants(&grant).await;
                Ok(issued.response)
            }
            Redemption::Replayed => {
                tracing::warn!(grant = %grant.id, client = %client.id, "a code was used twice");
                self.tokens.forget(&grant.id);
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
            let text = "This client does not take refresh tokens";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        let token = secret(form, "refresh_token", Kind::Refresh)?;
        let id = digest(&token);
        let found = self.world.store.refresh_token(&id).await?;
        let (stored, grant) = found
            .filter(|(_, grant)| grant.client == client.id)
            .filter(|(_, grant)| site.holds(&grant.resource))
            .filter(|(stored, grant)| stored.expires > now && grant.expires > now)
            .ok_or_else(OAuthError::invalid_grant)?;
        let scopes = self.narrowed_scopes(form.get("scope"), &grant.scopes)?;
        let resource = narrowed(site, form.get("resource"), &grant.resource)?;
        let key = self.unwrapped(&token, &stored.wrapped)?;
        let issued = self.issue_tokens(client, &grant, &key, resource, scopes, now);
        let store = &self.world.store;
        let expires = issued.grant_expires;
        let rotated = store
            .rotate(&id, issued.stored, expires, now, CONCURRENT)
            .await?;
        match rotated {
            Rotation::Rotated => Ok(issued.response),
            Rotation::Concurrent => {
                let text = "This refresh token is being used by another request; try again";
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, text);
                Err(error.again_in(CONCURRENT))
            }
            Rotation::Reused => {
                tracing::warn!(grant = %grant.id, client = %client.id, "a refresh token was reused");
                self.tokens.forget(&grant.id);
                Err(OAuthError::invalid_grant())
            }
            Rotation::Unknown => Err(OAuthError::invalid_grant()),
        }
    }

    /// The scopes that a refreshed token is asked for: the grant's, or some of them, never more.
    ///
    /// Those that there are not are let be, as they were when the grant was asked for: some clients
    /// repeat here what they asked for there, `openid` and all.
    fn narrowed_scopes(
        &self,
        parameter: Option<&str>,
        granted: &Scopes,
    ) -> Result<Scopes, OAuthError> {
        let Some(parameter) = parameter else {
            return Ok(granted.clone());
        };
        let asked = Scopes::parse(parameter)
            .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))?;
        let known = asked.both(&self.config.scopes.either(granted));
        if known.is_empty() {
            return Ok(granted.clone());
        }
        if !granted.covers(&known) {
            let text = "scope holds more than was granted";
            return Err(OAuthError::new(ErrorCode::InvalidScope, text));
        }
        Ok(known)
    }

    fn unwrapped(&self, token: &SecretString, wrapped: &[u8]) -> Result<GrantKey, OAuthError> {
        self.keys.unwrap(token, wrapped).map_err(|error| {
            tracing::error!(%error, "a grant's key does not unwrap; is the master key another one?");
            OAuthError::invalid_grant()
        })
    }

    fn issue_tokens(
        &self,
        client: &Client,
        grant: &Grant,
        key: &GrantKey,
        resource: Arc<str>,
        scopes: Scopes,
        now: UnixTime,
    ) -> Issued {
        let random = self.random();
        let longest = match client.refreshes {
            true => self.config.refresh_lifetime,
            false => self.config.access_lifetime,
        };
        let grant_expires = now.after(longest);
        let expires = grant_expires.min(now.after(self.config.access_lifetime));
        let access = Kind::Access.random(random);
        let refresh = client.refreshes.then(|| Kind::Refresh.random(random));
        let stored = Tokens {
            access: AccessToken {
                id: digest(&access),
                grant: grant.id.clone(),
                resource,
                scopes: scopes.clone(),
                issued: now,
                expires,
                wrapped: self.keys.wrap(random, &access, key),
            },
            refresh: refresh.as_ref().map(|refresh| RefreshToken {
                id: digest(refresh),
                grant: grant.id.clone(),
                expires: grant_expires,
                wrapped: self.keys.wrap(random, refresh, key),
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

/// The value of a parameter that holds a code or a token.
fn secret(form: &Parameters, name: &str, kind: Kind) -> Result<SecretString, OAuthError> {
    let text = form
        .get(name)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))?;
    if !kind.fits(text) {
        return Err(OAuthError::invalid_grant());
    }
    Ok(text.into())
}

/// The resource that a token is asked for: the grant's, or a part of it, never more.
fn narrowed(
    site: &Site,
    parameter: Option<&str>,
    granted: &Arc<str>,
) -> Result<Arc<str>, OAuthError> {
    let Some(parameter) = parameter else {
        return Ok(granted.clone());
    };
    let asked = site.requested(Some(parameter));
    let asked = asked.filter(|asked| asked == granted || granted == site.issuer());
    asked.ok_or_else(|| {
        let text = "resource is not what was granted";
        OAuthError::new(ErrorCode::InvalidTarget, text)
    })
}

/// Holds a verifier against the challenge that it has to hash to (RFC 7636, section 4.6).
fn check_verifier(verifier: Option<&str>, challenge: &Digest) -> Result<(), OAuthError> {
    let verifier =
        verifier.ok_or_else(|| OAuthError::invalid_request("code_verifier is missing"))?;
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        let text = "code_verifier has 43 to 128 characters, all unreserved";
        return Err(OAuthError::invalid_request(text));
    }
    if Digest::of(verifier) != *challenge {
        return Err(OAuthError::invalid_grant());
    }
    Ok(())
}

/// Reads a code challenge, for which S256 is the only method (RFC 7636, section 4.3).
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
        OAuthError::invalid_request("code_challenge is not the base64url of a SHA-256 hash")
    })?;
    Ok(Digest(bytes))
}
