//! Who signed in, and what came along.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Scopes, UnixTime, UserId};

/// A user who has just signed in, as the one who vouches for them says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// By whom and by what name they are known.
    pub user: UserId,
    /// What they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their e-mail address, where it has been verified. It links nobody to anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whatever else is said of them: id token claims, or the provider's description of the user.
    #[serde(default)]
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// The scopes that this user may grant, where their provider limits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Scopes>,
}

/// What a provider gave for the user: to be used for them, never to be shown to anybody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpstreamTokens {
    /// The access token.
    #[serde(serialize_with = "expose")]
    pub access: SecretString,
    /// The refresh token, if the provider gave one.
    #[serde(
        serialize_with = "expose_some",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(default)]
    pub refresh: Option<SecretString>,
    /// When the access token ends, if the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixTime>,
    /// What it is good for at the provider, if the provider said so.
    #[serde(default)]
    pub scopes: Scopes,
}

/// What a grant holds sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Properties {
    /// The user.
    pub identity: Identity,
    /// What their provider gave for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamTokens>,
}

/// Only ever written into what is sealed.
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
