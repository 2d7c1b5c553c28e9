//! What is kept of one sign-in.

use base64::Engine;
use farport_oauth::client::ServerMetadata;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::secret::Secret;

/// One sign-in to one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The MCP server.
    pub(crate) server: String,
    /// The authorization server; `None` for a sign-in that was taken over and not used yet. Client
    /// and tokens are its own, and go nowhere else.
    pub(crate) authorization_server: Option<ServerMetadata>,
    /// What the tokens are for (RFC 8707).
    pub(crate) resource: Option<String>,
    /// The names of the headers that are sent along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<String>,
    pub(crate) client: Option<Client>,
    pub(crate) tokens: Option<Tokens>,
    /// Whether the MCP server was in a private network or on this machine when it named all this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) private_network: bool,
}

/// Who we are to the authorization server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// When the secret runs out; `None` or 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_expires_at: Option<u64>,
    pub(crate) auth: ClientAuth,
    /// Where it may be sent back to; empty where that was not settled at registration.
    #[serde(default)]
    pub(crate) redirect_uris: Vec<Url>,
    /// The scopes it was registered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// Whether it was registered for this sign-in, and can be again.
    #[serde(default)]
    pub(crate) registered: bool,
    /// Whether a sign-in with it has begun that no browser came back from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unfinished: bool,
}

/// How a client proves who it is at the token endpoint (RFC 6749, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ClientAuth {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "client_secret_post")]
    Post,
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// The secret is a private key, in PEM.
    #[serde(rename = "private_key_jwt")]
    PrivateKey,
}

impl ClientAuth {
    /// Its name in metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Post => "client_secret_post",
            Self::Basic => "client_secret_basic",
            Self::PrivateKey => "private_key_jwt",
        }
    }

    /// The method of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Post, Self::Basic, Self::PrivateKey]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

/// What a sign-in gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<Secret>,
    /// When the access token runs out, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
    /// When they were had, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) obtained_at: Option<u64>,
    /// What was granted, or asked for where the answer did not say.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
}

impl Tokens {
    /// What is presented to the MCP server.
    pub(crate) fn bearer(&self, id_token: bool) -> Option<&Secret> {
        if id_token {
            self.id_token.as_ref()
        } else {
            Some(&self.access)
        }
    }

    /// When what is presented runs out.
    pub(crate) fn runs_out_at(&self, id_token: bool) -> Option<u64> {
        if id_token {
            self.id_token.as_ref().and_then(expiry_of_jwt)
        } else {
            self.expires_at
        }
    }
}

/// The `exp` of a JWT that is ours to present, not to check.
fn expiry_of_jwt(token: &Secret) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let claims = token.expose().split('.').nth(1)?;
    let claims = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(claims.trim_end_matches('='))
        .ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and seconds are whole"
    )]
    Some(claims.exp as u64)
}

impl Record {
    /// The record of a server before the first sign-in. `headers` are the names of those that are
    /// sent along.
    pub(crate) fn new(server: &Url, headers: &[String]) -> Self {
        Self {
            server: server.to_string(),
            authorization_server: None,
            resource: None,
            headers: headers.to_owned(),
            client: None,
            tokens: None,
            private_network: false,
        }
    }

    /// Whether the record holds a secret.
    pub(super) fn has_secrets(&self) -> bool {
        let client = self.client.as_ref();
        self.tokens.is_some() || client.is_some_and(|client| client.secret.is_some())
    }
}
