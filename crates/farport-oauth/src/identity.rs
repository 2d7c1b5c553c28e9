//! The identity and the provider tokens of a user.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Scopes, UnixTime, UserId};

/// A signed-in user, as the provider describes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The issuer and the subject.
    pub user: UserId,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The email address, if the provider has verified it. It does not identify the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Other claims: those of the id token, or the provider's user info.
    #[serde(default)]
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// The scopes that this user may grant; `None` if the provider does not limit them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Scopes>,
}

/// The provider's tokens of a user. Tools use them on the user's behalf.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpstreamTokens {
    /// The access token.
    #[serde(serialize_with = "expose")]
    pub access: SecretString,
    /// The refresh token, if the provider issued one.
    #[serde(
        serialize_with = "expose_some",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(default)]
    pub refresh: Option<SecretString>,
    /// When the access token expires, if the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixTime>,
    /// The scopes of the access token at the provider, if the provider says.
    #[serde(default)]
    pub scopes: Scopes,
}

/// The encrypted properties of a grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Properties {
    /// The user.
    pub identity: Identity,
    /// The provider's tokens of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamTokens>,
}

/// Only for data that is encrypted afterwards.
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
