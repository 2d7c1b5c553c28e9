//! Clients, as the authorization server knows them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Digest, Scopes, UnixTime, jwk::KeySet};

/// A client's identifier: one that we gave it, or the URL of its metadata document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub Arc<str>);

impl ClientId {
    /// The longest identifier that is looked for, in bytes.
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

/// A client: who may be sent codes, and how it proves itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// What it calls itself. Anybody can call themselves anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Where codes may be sent to, as registered.
    pub redirect_uris: Vec<Arc<str>>,
    /// How it proves itself.
    pub authentication: ClientAuthentication,
    /// Whether it takes refresh tokens.
    pub refreshes: bool,
    /// The scopes it may ask for; whichever there are, where it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Where it came from.
    pub origin: ClientOrigin,
    /// When it was registered.
    pub registered: UnixTime,
    /// When it is forgotten unless it is used before; never, where this is `None`.
    pub expires: Option<UnixTime>,
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "method")]
pub enum ClientAuthentication {
    /// Not at all: a public client, whose codes are bound to it by PKCE.
    None,
    /// By a secret in the body.
    ClientSecretPost {
        /// The secret's digest.
        secret: Digest,
    },
    /// By a secret in the `Authorization` header.
    ClientSecretBasic {
        /// The secret's digest.
        secret: Digest,
    },
    /// By an assertion that it signed (RFC 7523, section 2.2).
    PrivateKeyJwt {
        /// The keys it signs with.
        keys: ClientKeys,
    },
}

impl ClientAuthentication {
    /// The method's registered name.
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
    /// In its metadata.
    Inline(KeySet),
    /// At this URL.
    At(String),
}

/// Where a client came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOrigin {
    /// The operator named it in the settings.
    Settings,
    /// It registered itself (RFC 7591).
    Registered,
    /// Its identifier is the URL of its metadata document.
    Document,
}
