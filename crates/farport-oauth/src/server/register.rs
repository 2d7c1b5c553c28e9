//! Dynamic client registration (RFC 7591).

use std::{net::IpAddr, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Config, Core, admit};
use crate::{
    Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin, Digest, ErrorCode,
    OAuthError, Scopes, UnixTime, json,
    jwk::KeySet,
    limiter::AddressLimiter,
    parse_url, redirect,
    token::{self, SecretKind},
};

/// The largest accepted registration request, in bytes.
const MOST_BYTES: usize = 16 * 1024;
const MOST_REDIRECTS: usize = 10;
const LONGEST_NAME: usize = 120;

/// The client metadata in a request or a document. Unknown members are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<serde::de::IgnoredAny>,
    pub(super) client_secret_expires_at: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    redirect_uris: Vec<Arc<str>>,
    pub(super) token_endpoint_auth_method: Option<String>,
    pub(super) grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    client_uri: Option<String>,
    scope: Option<String>,
    jwks_uri: Option<String>,
    jwks: Option<KeySet>,
    application_type: Option<String>,
}

/// A registration response, with the effective client metadata.
#[derive(Debug, Serialize)]
pub struct Registration {
    client_id: ClientId,
    client_id_issued_at: UnixTime,
    #[serde(flatten)]
    secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    redirect_uris: Vec<Arc<str>>,
    token_endpoint_auth_method: &'static str,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    application_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scopes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<KeySet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
}

#[derive(Debug, Serialize)]
struct Secret {
    #[serde(serialize_with = "expose")]
    client_secret: SecretString,
    /// 0, because the secret expires with the client.
    client_secret_expires_at: u8,
}

fn expose<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// The registration endpoint.
#[derive(Debug)]
pub struct RegistrationEndpoint {
    core: Arc<Core>,
    rate: AddressLimiter,
}

impl RegistrationEndpoint {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            rate: AddressLimiter::new(core.config.register_rate),
            core,
        }
    }

    /// Handles a registration request. The host responds with status 201.
    ///
    /// # Errors
    /// When registration is disabled, the rate limit is reached, or the metadata is not valid.
    pub async fn register(
        &self,
        body: &[u8],
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<Registration, OAuthError> {
        if !self.core.config.registration {
            let text = "this server does not accept client registrations; ask its operator for a client_id";
            return Err(OAuthError::new(ErrorCode::AccessDenied, text));
        }
        admit(&self.rate, address, now)?;
        if body.len() > MOST_BYTES {
            return Err(invalid(format!(
                "the client metadata is larger than {MOST_BYTES} bytes"
            )));
        }
        let metadata: Metadata = json::parse(body).map_err(|error| {
            invalid(format!(
                "the client metadata is not valid (RFC 7591): {error}"
            ))
        })?;
        let id = ClientId(token::random_name(self.core.random()).into());
        let secret = SecretKind::ClientSecret.random(self.core.random());
        let (mut client, application_type) = metadata.into_client(
            id,
            ClientOrigin::Registered,
            &self.core.config,
            now,
            Some(&secret),
        )?;
        client.share = crate::limiter::share(address);
        let secret = match client.authentication {
            ClientAuthentication::ClientSecretPost { .. }
            | ClientAuthentication::ClientSecretBasic { .. } => Some(Secret {
                client_secret: secret,
                client_secret_expires_at: 0,
            }),
            ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt { .. } => None,
        };
        let (jwks, jwks_uri) = match &client.authentication {
            ClientAuthentication::PrivateKeyJwt { keys } => match keys {
                ClientKeys::Inline(keys) => (Some(keys.clone()), None),
                ClientKeys::At(url) => (None, Some(url.clone())),
            },
            _ => (None, None),
        };
        let mut grant_types = vec!["authorization_code"];
        grant_types.extend(client.refreshes.then_some("refresh_token"));
        let registration = Registration {
            client_id: client.id.clone(),
            client_id_issued_at: now,
            secret,
            client_name: client.name.clone(),
            client_uri: client.uri.clone(),
            redirect_uris: client.redirect_uris.clone(),
            token_endpoint_auth_method: client.authentication.method(),
            grant_types,
            response_types: ["code"],
            application_type,
            scope: client.scopes.clone(),
            jwks,
            jwks_uri,
        };
        let most = self.core.config.most_clients;
        if !self.core.store().add_client(client, most, now).await? {
            let text = "too many clients are registered; try again later";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, text));
        }
        Ok(registration)
    }
}

impl Metadata {
    pub(super) fn is_named(&self) -> bool {
        self.client_name.is_some()
    }

    /// Validates the metadata. Returns the client and its application type.
    pub(super) fn into_client(
        self,
        id: ClientId,
        origin: ClientOrigin,
        config: &Config,
        now: UnixTime,
        secret: Option<&SecretString>,
    ) -> Result<(Client, &'static str), OAuthError> {
        let application_type = self.check_redirects(config, origin)?;
        let grants = self.grant_types.as_deref();
        let has_grant = |grant: &str| grants.is_some_and(|all| all.iter().any(|one| one == grant));
        if grants.is_some() && !has_grant("authorization_code") {
            return Err(invalid("grant_types must contain authorization_code"));
        }
        let responses = self.response_types.as_deref();
        if responses.is_some_and(|all| !all.iter().any(|one| one == "code")) {
            return Err(invalid("response_types must contain code"));
        }
        let name = self
            .client_name
            .map(|name| checked_name(&name))
            .transpose()?;
        let uri = self.client_uri.as_deref().map(web_url).transpose()?;
        let scopes = self.scope.as_deref().map(Scopes::parse).transpose();
        let scopes = scopes.map_err(|error| invalid(format!("scope is not valid: {error}")))?;
        // A registration cannot add scopes to the server.
        let scopes = scopes
            .map(|scopes| scopes.both(&config.scopes))
            .filter(|scopes| !scopes.is_empty());
        let method = self.token_endpoint_auth_method.as_deref();
        let digest = || -> Result<Digest, OAuthError> {
            let secret = secret.ok_or_else(|| invalid("this client cannot have a secret"))?;
            Ok(Digest::of(secret.expose_secret()))
        };
        let authentication = match method.unwrap_or("client_secret_basic") {
            "none" => ClientAuthentication::None,
            "client_secret_basic" => ClientAuthentication::ClientSecretBasic { secret: digest()? },
            "client_secret_post" => ClientAuthentication::ClientSecretPost { secret: digest()? },
            "private_key_jwt" => ClientAuthentication::PrivateKeyJwt {
                keys: match (self.jwks, self.jwks_uri) {
                    (Some(keys), None) => ClientKeys::Inline(keys),
                    (None, Some(url)) => ClientKeys::At(https_url(&url)?),
                    _ => return Err(invalid("private_key_jwt requires either jwks or jwks_uri")),
                },
            },
            _ => {
                return Err(invalid(
                    "token_endpoint_auth_method is not supported; use none, client_secret_basic, \
                     client_secret_post or private_key_jwt",
                ));
            }
        };
        let refreshes = has_grant("refresh_token");
        let client = Client {
            id,
            name,
            uri,
            redirect_uris: self.redirect_uris,
            authentication,
            refreshes,
            scopes,
            origin,
            registered: now,
            expires: (origin == ClientOrigin::Registered)
                .then(|| now.after(config.client_lifetime)),
            share: "".into(),
        };
        Ok((client, application_type))
    }

    fn check_redirects(
        &self,
        config: &Config,
        origin: ClientOrigin,
    ) -> Result<&'static str, OAuthError> {
        let wrong = |text: String| OAuthError::new(ErrorCode::InvalidRedirectUri, text);
        if self.redirect_uris.is_empty() {
            return Err(wrong("redirect_uris must contain at least one URI".into()));
        }
        if self.redirect_uris.len() > MOST_REDIRECTS {
            return Err(wrong(format!(
                "redirect_uris contains more than {MOST_REDIRECTS} URIs"
            )));
        }
        for (index, uri) in self.redirect_uris.iter().enumerate() {
            if let Err(error) = config.redirects.check(uri) {
                // The error of a document appears on a page, which quotes nothing of it.
                let named = match origin {
                    ClientOrigin::Document => format!("redirect_uris[{index}]"),
                    _ => format!("the redirect URI {}", shown(uri)),
                };
                return Err(wrong(format!("{named} cannot be used: {error}")));
            }
        }
        let native = |uri: &Arc<str>| redirect::is_loopback(uri) || !uri.starts_with("https:");
        let is_native = self.redirect_uris.iter().any(native);
        match self.application_type.as_deref() {
            // The default of OpenID Connect is web, which requires https. A client without the member
            // gets the type that fits its redirect URIs.
            None if is_native => Ok("native"),
            None => Ok("web"),
            Some("native") => Ok("native"),
            Some("web") if is_native => Err(wrong(
                "the redirect URIs of a web application must be https".into(),
            )),
            Some("web") => Ok("web"),
            Some(_) => Err(invalid("application_type must be web or native")),
        }
    }
}

/// A printable, shortened URI for an error message.
fn shown(uri: &str) -> String {
    const MOST: usize = 120;
    let clean = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let mut text: String = uri.chars().take(MOST).map(clean).collect();
    if uri.chars().nth(MOST).is_some() {
        text.push_str("...");
    }
    text
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, text)
}

/// Checks a client name. Invisible characters could make it look like another name.
fn checked_name(name: &str) -> Result<String, OAuthError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(invalid(format!(
            "client_name must have 1 to {LONGEST_NAME} characters"
        )));
    }
    let unseen = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{ad}'
                    | '\u{34f}'
                    | '\u{61c}'
                    | '\u{115f}'
                    | '\u{1160}'
                    | '\u{17b4}'
                    | '\u{17b5}'
                    | '\u{180b}'
                    ..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            )
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    if name.chars().any(unseen) {
        return Err(invalid("client_name contains invisible characters"));
    }
    Ok(name.to_owned())
}

fn web_url(text: &str) -> Result<String, OAuthError> {
    let url = parse_url(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "https" | "http") && text.len() <= 2048);
    // `https://known.example@evil.example` leads to evil.example.
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    let url = url.ok_or_else(|| invalid("client_uri is not an http or https URL"))?;
    Ok(url.into())
}

fn https_url(text: &str) -> Result<String, OAuthError> {
    let url = parse_url(text).ok();
    let url = url.filter(|url| url.scheme() == "https" && text.len() <= 2048);
    let url = url.ok_or_else(|| invalid("jwks_uri is not an https URL"))?;
    Ok(url.into())
}
