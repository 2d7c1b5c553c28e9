//! The clients that the authorization server knows.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Digest, Scopes, UnixTime, jwk::KeySet};

/// A client identifier: one that this server assigned, or the URL of a client metadata document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub Arc<str>);

impl ClientId {
    /// The longest accepted identifier, in bytes.
    pub const LONGEST: usize = 512;

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ClientId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client: its redirect URIs, its authentication and its metadata.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// The name that the client chose. It is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The registered redirect URIs.
    pub redirect_uris: Vec<Arc<str>>,
    /// How the client authenticates.
    pub authentication: ClientAuthentication,
    /// Whether the client gets refresh tokens.
    pub refreshes: bool,
    /// The scopes that the client may request; `None` for all scopes of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Where the server knows the client from.
    pub origin: ClientOrigin,
    /// When the client was registered.
    pub registered: UnixTime,
    /// When the client is deleted unless it is used before; `None` for never.
    pub expires: Option<UnixTime>,
    /// The network that the client registered from. The client counts toward its limit.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub share: Arc<str>,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "method")]
pub enum ClientAuthentication {
    /// It does not: a public client, whose codes are bound to it by PKCE.
    None,
    /// With a secret in the body.
    ClientSecretPost {
        /// The secret's digest.
        secret: Digest,
    },
    /// With a secret in the `Authorization` header.
    ClientSecretBasic {
        /// The secret's digest.
        secret: Digest,
    },
    /// With a signed assertion (RFC 7523, section 2.2).
    PrivateKeyJwt {
        /// The public keys of the client.
        keys: ClientKeys,
    },
}

impl ClientAuthentication {
    /// The registered name of the method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretPost { .. } => "client_secret_post",
            Self::ClientSecretBasic { .. } => "client_secret_basic",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
        }
    }
}

/// Where a client's public keys are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// In the client metadata.
    Inline(KeySet),
    /// At this URL.
    At(String),
}

/// Where the server knows a client from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOrigin {
    /// From the settings.
    Settings,
    /// From dynamic registration (RFC 7591).
    Registered,
    /// From its metadata document, whose URL is its identifier.
    Document,
}
