//! The token endpoint of a provider.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{Begin, Finish, ProviderError, World};
use crate::{
    Reach, Scopes, UpstreamTokens,
    outgoing::{Answer, Failure, Outgoing},
};

/// The longest answer of a provider that is read, in bytes.
pub(crate) const MOST_BYTES: usize = 128 * 1024;

/// Where a client's secret goes at the token endpoint (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// Into the `Authorization` header: `client_secret_basic`.
    Header,
    /// Into the form: `client_secret_post`.
    Body,
}

/// Us, as a provider knows us.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    /// None for a public client, which PKCE alone protects.
    pub(crate) secret: Option<SecretString>,
}

impl App {
    pub(crate) fn new(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
        }
    }

    /// Where the browser goes with these parameters. Those that are ours take the place of others
    /// of the same name.
    pub(crate) fn authorization_url<'a>(
        &'a self,
        endpoint: &Url,
        begin: &Begin<'a>,
        pkce: bool,
        ours: impl IntoIterator<Item = (&'a str, String)>,
        extra: &[(String, String)],
    ) -> Url {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", begin.redirect_uri.to_owned()),
            ("state", begin.state.to_owned()),
        ];
        if pkce {
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(begin.verifier));
            parameters.push(("code_challenge", challenge));
            parameters.push(("code_challenge_method", "S256".to_owned()));
        }
        parameters.extend(ours);
        let taken = |name: &str| parameters.iter().any(|(ours, _)| *ours == name);
        let mut url = endpoint.clone();
        url.set_query(None);
        {
            let mut query = url.query_pairs_mut();
            for (name, value) in endpoint.query_pairs().filter(|(name, _)| !taken(name)) {
                query.append_pair(&name, &value);
            }
            for (name, value) in extra.iter().filter(|(name, _)| !taken(name)) {
                query.append_pair(name, value);
            }
            query.extend_pairs(&parameters);
        }
        url
    }

    /// Redeems a code.
    pub(crate) async fn redeem(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        finish: &Finish<'_>,
        pkce: bool,
        world: World<'_>,
    ) -> Result<TokenAnswer, ProviderError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", finish.code),
            ("redirect_uri", finish.redirect_uri),
        ];
        if pkce {
            fields.push(("code_verifier", finish.verifier));
        }
        self.ask(endpoint, secret_in, fields, world).await
    }

    /// Uses a refresh token.
    pub(crate) async fn renew(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        tokens: &UpstreamTokens,
        world: World<'_>,
    ) -> Result<TokenAnswer, ProviderError> {
        let Some(refresh) = &tokens.refresh else {
            return Err(ProviderError::Refused("there is no refresh token".into()));
        };
        let fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        self.ask(endpoint, secret_in, fields, world).await
    }

    async fn ask(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        fields: Vec<(&str, &str)>,
        world: World<'_>,
    ) -> Result<TokenAnswer, ProviderError> {
        let answer = self.post(endpoint, secret_in, fields.clone(), world).await;
        let answer = answer.map_err(unavailable)?;
        // Whoever logs what the endpoint says must not log what we said to it.
        let secret = self.secret.as_ref().map(|secret| secret.expose_secret());
        let is_secret = |name: &str| matches!(name, "code" | "code_verifier" | "refresh_token");
        let sent = fields.iter().filter(|(name, _)| is_secret(name));
        let kept_quiet: Vec<_> = sent.map(|(_, value)| *value).chain(secret).collect();
        TokenAnswer::read(&answer, &kept_quiet)
    }

    /// Sends a form, and says who sends it.
    pub(crate) async fn post(
        &self,
        endpoint: &Url,
        secret_in: SecretIn,
        mut fields: Vec<(&str, &str)>,
        world: World<'_>,
    ) -> Result<Answer, Failure> {
        let mut basic = None;
        match (&self.secret, secret_in) {
            (Some(secret), SecretIn::Header) => {
                let encode = |text: &str| -> String {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!("{}:{}", encode(&self.id), encode(secret.expose_secret()));
                basic = Some(format!("Basic {}", BASE64_STANDARD.encode(pair)));
            }
            (Some(secret), SecretIn::Body) => {
                fields.push(("client_id", &self.id));
                fields.push(("client_secret", secret.expose_secret()));
            }
            (None, _) => fields.push(("client_id", &self.id)),
        }
        let mut request = Outgoing::form(endpoint, fields, Reach::Configured, MOST_BYTES);
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, &basic, true);
        }
        request.send(&**world.fetcher).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a provider cannot be reached for.
pub(crate) fn unavailable(failure: Failure) -> ProviderError {
    ProviderError::Unavailable(failure.to_string())
}

/// What a user's description is fetched with.
pub(crate) async fn ask_as_user(
    url: &Url,
    access: &SecretString,
    accept: &str,
    world: World<'_>,
) -> Result<Answer, ProviderError> {
    let bearer = format!("Bearer {}", access.expose_secret());
    let request = Outgoing::get(url, Reach::Configured, MOST_BYTES)
        .header(header::ACCEPT, accept, false)
        .header(header::AUTHORIZATION, &bearer, true);
    request.send(&**world.fetcher).await.map_err(unavailable)
}

/// What the token endpoint gave.
pub(crate) struct TokenAnswer {
    pub(crate) members: Map<String, Value>,
}

impl TokenAnswer {
    fn read(answer: &Answer, kept_quiet: &[&str]) -> Result<Self, ProviderError> {
        let members = match answer.object() {
            Ok(members) => members,
            // Some say no more than the status.
            Err(_) if answer.status != StatusCode::OK => {
                return Err(unavailable(Failure::Status(answer.status)));
            }
            Err(failure) => return Err(unavailable(failure)),
        };
        // GitHub and Slack tell of an error with a 200, and Slack says `ok` besides.
        let failed = members.contains_key("error") || members.get("ok") == Some(&false.into());
        if failed || answer.status != StatusCode::OK {
            return Err(refusal(&members, answer.status, kept_quiet));
        }
        Ok(Self { members })
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// The tokens. What is not said of them is as `before`, and what is not said of their scopes
    /// is as `asked` for (RFC 6749, section 5.1).
    pub(crate) fn tokens(
        &self,
        before: Option<&UpstreamTokens>,
        asked: &Scopes,
        world: World<'_>,
    ) -> Result<UpstreamTokens, ProviderError> {
        Self::tokens_of(&self.members, before, asked, world)
    }

    /// The tokens in one object of the answer.
    pub(crate) fn tokens_of(
        members: &Map<String, Value>,
        before: Option<&UpstreamTokens>,
        asked: &Scopes,
        world: World<'_>,
    ) -> Result<UpstreamTokens, ProviderError> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let given = |name: &str| text(name).filter(|text| !text.is_empty());
        let access = given("access_token").ok_or_else(|| {
            ProviderError::Unavailable("the token endpoint gave no access token".into())
        })?;
        // Slack calls its users' tokens `user`. All of them are sent as `Bearer`.
        let kind = text("token_type").unwrap_or("Bearer");
        if !kind.eq_ignore_ascii_case("bearer") && !kind.eq_ignore_ascii_case("user") {
            let why = "the token endpoint gave a token that is no bearer token";
            return Err(ProviderError::Unacceptable(why.into()));
        }
        let seconds = match members.get("expires_in") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64(),
            None => None,
        };
        let expires = seconds.map(|seconds| world.now.after(Duration::from_secs(seconds)));
        let refresh = given("refresh_token").map(SecretString::from);
        let scopes = match text("scope") {
            Some(scopes) => named(scopes),
            None => before.map_or(asked, |before| &before.scopes).clone(),
        };
        Ok(UpstreamTokens {
            access: access.into(),
            refresh: refresh.or_else(|| before?.refresh.clone()),
            expires,
            scopes,
        })
    }
}

/// Scopes as providers write them: between two stands a space or, at some, a comma.
fn named(scopes: &str) -> Scopes {
    Scopes::parse(&scopes.replace(',', " ")).unwrap_or_else(|error| {
        tracing::warn!(%error, "the provider named scopes that are none");
        Scopes::none()
    })
}

/// What it means that a token endpoint answers with an error.
fn refusal(members: &Map<String, Value>, status: StatusCode, kept_quiet: &[&str]) -> ProviderError {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let code = text("error").unwrap_or("no error code");
    let mut said = format!("{status}, {code}");
    if let Some(description) = text("error_description") {
        said = format!("{said}: {description}");
    }
    let repeats = |secret: &&str| !secret.is_empty() && said.contains(*secret);
    if kept_quiet.iter().any(repeats) {
        said = format!("{status}, with an error that repeats what it was asked");
    }
    let said: String = said.chars().take(300).collect();
    let said = said.escape_debug().to_string();
    match code {
        "invalid_grant"
        | "bad_verification_code"
        | "bad_refresh_token"
        | "invalid_code"
        | "code_already_used"
        | "invalid_refresh_token"
        | "token_revoked"
        | "token_expired" => ProviderError::Refused(said),
        _ => ProviderError::Unavailable(format!("the token endpoint answered {said}")),
    }
}

/// RFC 9207: who answered has to be who was asked.
pub(crate) fn check_issuer(
    said: Option<&str>,
    accepted: &[&str],
    required: bool,
) -> Result<(), ProviderError> {
    match said {
        None if required => Err(ProviderError::Unacceptable(
            "the answer does not say who it is from, although the provider's answers do".into(),
        )),
        Some(issuer) if !accepted.contains(&issuer) => Err(ProviderError::Unacceptable(
            "the answer is from somebody else than was asked".into(),
        )),
        _ => Ok(()),
    }
}
