//! Dynamic client registration (RFC 7591).

use std::{net::IpAddr, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    AuthorizationServer, Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin, Digest,
    ErrorCode, OAuthError, Scopes, UnixTime, json,
    jwk::KeySet,
    redirect,
    token::{self, Kind},
};

/// The largest registration that is read, in bytes.
const MOST_BYTES: usize = 16 * 1024;
const MOST_REDIRECTS: usize = 10;
const LONGEST_NAME: usize = 120;

/// Client metadata as a client sends it. Members that are not known are let be.
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

/// What a client is answered that has registered: its metadata as they are in effect.
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
    /// It ends with the client, not before.
    client_secret_expires_at: u8,
}

fn expose<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl AuthorizationServer {
    /// Registers a client: answers the registration endpoint with 201.
    ///
    /// # Errors
    /// When registration is off, comes too often, or the metadata cannot be accepted.
    pub async fn register(
        &self,
        body: &[u8],
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<Registration, OAuthError> {
        if !self.config.registration {
            let text = "Clients do not register themselves here";
            return Err(OAuthError::new(ErrorCode::AccessDenied, text));
        }
        self.admit_registration(address, now)?;
        if body.len() > MOST_BYTES {
            return Err(invalid("The metadata are too large"));
        }
        let metadata: Metadata = json::shaped(body)
            .map_err(|error| invalid(format!("The metadata are not what RFC 7591 has: {error}")))?;
        let id = ClientId(token::random_name(self.random()).into());
        let secret = Kind::ClientSecret.random(self.random());
        let (client, application_type) =
            metadata.into_client(id, ClientOrigin::Registered, self, now, Some(&secret))?;
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
        let most = self.config.most_clients;
        if !self.world.store.add_client(client, most, now).await? {
            let text = "There are too many clients; try again later";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, text));
        }
        Ok(registration)
    }
}

impl Metadata {
    pub(super) fn is_named(&self) -> bool {
        self.client_name.is_some()
    }

    /// The client that these metadata describe, and its application type.
    pub(super) fn into_client(
        self,
        id: ClientId,
        origin: ClientOrigin,
        server: &AuthorizationServer,
        now: UnixTime,
        secret: Option<&SecretString>,
    ) -> Result<(Client, &'static str), OAuthError> {
        let application_type = self.check_redirects(server)?;
        let grants = self.grant_types.as_deref();
        let grants_hold =
            |grant: &str| grants.is_some_and(|all| all.iter().any(|one| one == grant));
        if grants.is_some() && !grants_hold("authorization_code") {
            return Err(invalid("grant_types must hold authorization_code"));
        }
        let responses = self.response_types.as_deref();
        if responses.is_some_and(|all| !all.iter().any(|one| one == "code")) {
            return Err(invalid("response_types must hold code"));
        }
        let name = self
            .client_name
            .map(|name| checked_name(&name))
            .transpose()?;
        let uri = self.client_uri.as_deref().map(web_url).transpose()?;
        let scopes = self.scope.as_deref().map(Scopes::parse).transpose();
        let scopes = scopes.map_err(|error| invalid(format!("scope: {error}")))?;
        // Registering for a scope does not make it one, nor is it a way to one.
        let scopes = scopes
            .map(|scopes| scopes.both(&server.config.scopes))
            .filter(|scopes| !scopes.is_empty());
        let method = self.token_endpoint_auth_method.as_deref();
        let digest = || -> Result<Digest, OAuthError> {
            let secret = secret.ok_or_else(|| invalid("A secret cannot be given"))?;
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
                    _ => return Err(invalid("private_key_jwt needs either jwks or jwks_uri")),
                },
            },
            _ => {
                return Err(invalid(
                    "token_endpoint_auth_method is not one that is supported",
                ));
            }
        };
        let refreshes = grants_hold("refresh_token");
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
                .then(|| now.after(server.config.client_lifetime)),
        };
        Ok((client, application_type))
    }

    fn check_redirects(&self, server: &AuthorizationServer) -> Result<&'static str, OAuthError> {
        let wrong = |text: String| OAuthError::new(ErrorCode::InvalidRedirectUri, text);
        if self.redirect_uris.is_empty() {
            return Err(wrong("redirect_uris must hold one at least".into()));
        }
        if self.redirect_uris.len() > MOST_REDIRECTS {
            return Err(wrong(format!(
                "redirect_uris holds more than {MOST_REDIRECTS}"
            )));
        }
        for uri in &self.redirect_uris {
            if let Err(error) = server.config.redirects.check(uri) {
                return Err(wrong(format!("A redirect URI cannot be used: {error}")));
            }
        }
        let native = |uri: &Arc<str>| redirect::is_loopback(uri) || !uri.starts_with("https:");
        let leads_to_a_program = self.redirect_uris.iter().any(native);
        match self.application_type.as_deref() {
            // OpenID Connect's default is web, whose redirect URIs are https; clients that say
            // nothing are taken for what their redirect URIs make of them.
            None if leads_to_a_program => Ok("native"),
            None => Ok("web"),
            Some("native") => Ok("native"),
            Some("web") if leads_to_a_program => {
                Err(wrong("A web application's redirect URIs are https".into()))
            }
            Some("web") => Ok("web"),
            Some(_) => Err(invalid("application_type is web or native")),
        }
    }
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, text)
}

/// A name that does not pretend to be something else by characters that nobody sees.
fn checked_name(name: &str) -> Result<String, OAuthError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(invalid(format!(
            "client_name has 1 to {LONGEST_NAME} characters"
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
        return Err(invalid("client_name holds characters that cannot be seen"));
    }
    Ok(name.to_owned())
}

fn web_url(text: &str) -> Result<String, OAuthError> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "https" | "http") && text.len() <= 2048);
    // `https://known.example@evil.example` is not what it looks like.
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    let url = url.ok_or_else(|| invalid("client_uri is not a web page's URL"))?;
    Ok(url.into())
}

fn https_url(text: &str) -> Result<String, OAuthError> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| url.scheme() == "https" && text.len() <= 2048);
    let url = url.ok_or_else(|| invalid("jwks_uri is not an https URL"))?;
    Ok(url.into())
}
