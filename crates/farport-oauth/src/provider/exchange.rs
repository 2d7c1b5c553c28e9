//! The OAuth client at a provider: requests to its token, revocation and user-info endpoints.

use std::{fmt, time::Duration};

use http::{HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::{Begin, FetchContext, Finish, ProviderError};
use crate::{
    Reach, Scopes, UpstreamTokens,
    client::{
        self, ClientCredential, ClientIdentity, GrantRequest, IssuedTokens, TokenError,
        TokenSuccess,
    },
    outgoing::{Failure, Outgoing, Response},
    same_issuer,
};

/// The largest accepted response of a provider, in bytes.
pub(crate) const MOST_BYTES: usize = 128 * 1024;

/// Where a client secret goes in a request (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// The `Authorization` header: `client_secret_basic`.
    Header,
    /// The form: `client_secret_post`.
    Body,
}

/// This server's registration as a client of a provider.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    /// `None` for a public client, which only PKCE protects.
    pub(crate) secret: Option<SecretString>,
}

impl App {
    pub(crate) fn new(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
        }
    }

    fn identity(&self, secret_in: SecretIn) -> ClientIdentity<'_> {
        let secret = self.secret.as_ref().map(SecretString::expose_secret);
        ClientIdentity {
            id: &self.id,
            credential: match (secret, secret_in) {
                (None, _) => ClientCredential::None,
                (Some(secret), SecretIn::Header) => ClientCredential::Basic(secret),
                (Some(secret), SecretIn::Body) => ClientCredential::Post(secret),
            },
        }
    }

    /// The URL of the authorization request. `parameters` replace parameters with the same name in `extra`
    /// and in the endpoint.
    pub(crate) fn authorization_url<'a>(
        &'a self,
        endpoint: &Url,
        begin: &Begin<'a>,
        pkce: bool,
        parameters: impl IntoIterator<Item = (&'a str, String)>,
        extra: &[(String, String)],
    ) -> Url {
        let parameters: Vec<_> = parameters.into_iter().collect();
        let challenge = pkce.then(|| client::code_challenge(begin.verifier));
        let mut all = vec![
            ("response_type", "code"),
            ("client_id", &*self.id),
            ("redirect_uri", begin.redirect_uri),
            ("state", begin.state),
        ];
        if let Some(challenge) = &challenge {
            all.extend([
                ("code_challenge", &**challenge),
                ("code_challenge_method", "S256"),
            ]);
        }
        all.extend(parameters.iter().map(|(name, value)| (*name, &**value)));
        client::authorization_url(endpoint, &all, extra)
    }

    /// Redeems a code.
    pub(crate) async fn redeem(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        finish: &Finish<'_>,
        pkce: bool,
        context: FetchContext<'_>,
    ) -> Result<TokenSuccess, ProviderError> {
        let grant = GrantRequest::AuthorizationCode {
            code: finish.code,
            redirect_uri: finish.redirect_uri,
            verifier: pkce.then_some(finish.verifier),
        };
        self.request_token(endpoint, secret_in, grant, context)
            .await
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        tokens: &UpstreamTokens,
        context: FetchContext<'_>,
    ) -> Result<TokenSuccess, ProviderError> {
        let Some(refresh) = &tokens.refresh else {
            let why = "the grant has no refresh token";
            return Err(ProviderError::Refused(why.into()));
        };
        let grant = GrantRequest::RefreshToken(refresh.expose_secret());
        self.request_token(endpoint, secret_in, grant, context)
            .await
    }

    /// Revokes tokens (RFC 7009). The refresh token goes first: if the second request fails, the access
    /// token expires by itself.
    pub(crate) async fn revoke(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        tokens: &UpstreamTokens,
        context: FetchContext<'_>,
    ) -> Result<(), ProviderError> {
        let refresh = tokens.refresh.iter().map(|token| (token, true));
        for (token, is_refresh) in refresh.chain([(&tokens.access, false)]) {
            let fields = client::revocation_fields(token.expose_secret(), is_refresh);
            let response = self.post(endpoint, secret_in, fields, context).await;
            response.and_then(Response::ok).map_err(unavailable)?;
        }
        Ok(())
    }

    /// The `Authorization` header with the client secret; `None` for a public client.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let secret = self.secret.as_ref()?;
        Some(client::basic(&self.id, secret.expose_secret()))
    }

    async fn request_token(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        grant: GrantRequest<'_>,
        context: FetchContext<'_>,
    ) -> Result<TokenSuccess, ProviderError> {
        let fields = grant.fields(None, None);
        let response = self.post(endpoint, secret_in, fields, context).await;
        let response = response.map_err(unavailable)?;
        TokenSuccess::read(response.status, &response.body).map_err(|error| {
            // The log contains the error of the provider, which must not repeat our secrets.
            let secret = self.secret.as_ref().map(SecretString::expose_secret);
            let secrets: Vec<_> = grant.secrets().chain(secret).collect();
            provider_error(error, &response, &secrets)
        })
    }

    /// Sends an authenticated form.
    pub(crate) async fn post<'a>(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        context: FetchContext<'_>,
    ) -> Result<Response, Failure> {
        let form = self.identity(secret_in).form(fields);
        let request = Outgoing::form(endpoint, form, Reach::Configured, MOST_BYTES);
        request.send(&**context.fetcher).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The error for a provider without a usable response.
pub(crate) fn unavailable(failure: Failure) -> ProviderError {
    ProviderError::Unavailable(failure.to_string())
}

/// Sends a request with the user's token.
pub(crate) async fn get_as_user(
    url: &Url,
    access: &SecretString,
    accept: &str,
    context: FetchContext<'_>,
) -> Result<Response, ProviderError> {
    let bearer = format!("Bearer {}", access.expose_secret());
    let request = Outgoing::get(url, Reach::Configured, MOST_BYTES)
        .header(header::ACCEPT, accept, false)
        .header(header::AUTHORIZATION, &bearer, true);
    request.send(&**context.fetcher).await.map_err(unavailable)
}

/// The provider's tokens in `members`. Omitted values are those of `previous`, and omitted scopes without
/// previous tokens are the `requested` ones (RFC 6749, section 5.1).
pub(crate) fn upstream_tokens(
    members: &Map<String, Value>,
    previous: Option<&UpstreamTokens>,
    requested: &Scopes,
    context: FetchContext<'_>,
) -> Result<UpstreamTokens, ProviderError> {
    // Slack's type for tokens of a user is `user`. They are sent as `Bearer`, too.
    let issued = IssuedTokens::read(members, &["bearer", "user"]);
    let issued = issued.map_err(|error| match error {
        TokenError::TokenType(_) => ProviderError::Unacceptable(error.to_string()),
        error => ProviderError::Unavailable(error.to_string()),
    })?;
    let expires = issued.expires_in;
    let expires = expires.map(|seconds| context.now.after(Duration::from_secs(seconds)));
    let scopes = match issued.scopes {
        Some(scopes) => parse_scopes(&scopes),
        None => previous
            .map_or(requested, |previous| &previous.scopes)
            .clone(),
    };
    Ok(UpstreamTokens {
        access: issued.access,
        refresh: issued.refresh.or_else(|| previous?.refresh.clone()),
        expires,
        scopes,
    })
}

/// Parses scopes, which some providers separate with commas.
fn parse_scopes(scopes: &[String]) -> Scopes {
    Scopes::parse(&scopes.join(" ").replace(',', " ")).unwrap_or_else(|error| {
        tracing::warn!(%error, "ignored invalid scopes from the provider");
        Scopes::none()
    })
}

/// The meaning of an error of a token endpoint.
fn provider_error(error: TokenError, response: &Response, secrets: &[&str]) -> ProviderError {
    match error {
        TokenError::OAuth { code, description } => {
            oauth_error(&code, description.as_deref(), response.status, secrets)
        }
        TokenError::Status { status, .. } => unavailable(Failure::Status(status)),
        TokenError::Unreadable => unavailable(response.unexpected("a token response")),
        TokenError::NoToken | TokenError::TokenType(_) => {
            ProviderError::Unavailable(error.to_string())
        }
    }
}

fn oauth_error(
    code: &str,
    description: Option<&str>,
    status: http::StatusCode,
    secrets: &[&str],
) -> ProviderError {
    let shown = if code.is_empty() {
        "no error code"
    } else {
        code
    };
    let mut text = format!("{status}, {shown}");
    if let Some(description) = description {
        text = format!("{text}: {description}");
    }
    let repeats = |secret: &&str| !secret.is_empty() && text.contains(*secret);
    if secrets.iter().any(repeats) {
        text = format!("{status}, with an error that repeats a secret of the request");
    }
    let text: String = text.chars().take(300).collect();
    let text = text.escape_debug().to_string();
    match code {
        "invalid_grant"
        | "bad_verification_code"
        | "bad_refresh_token"
        | "invalid_code"
        | "code_already_used"
        | "invalid_refresh_token"
        | "token_revoked"
        | "token_expired" => ProviderError::Refused(text),
        _ => ProviderError::Unavailable(format!("the token endpoint returned {text}")),
    }
}

/// Checks that an authorization response is from an accepted issuer (RFC 9207).
pub(crate) fn check_issuer(
    iss: Option<&str>,
    accepted: &[&str],
    announced: bool,
) -> Result<(), ProviderError> {
    let is_expected = |iss: &str| accepted.iter().any(|one| same_issuer(one, iss));
    client::check_response_issuer(iss, announced, is_expected)
        .map_err(|error| ProviderError::Unacceptable(error.to_string()))
}
