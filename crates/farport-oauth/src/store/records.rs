//! The records of a store.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ClientId, Digest, Scopes, UnixTime};

/// A user, identified by issuer and subject. Never by an email address, which another user can get
/// later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId {
    /// The issuer identifier.
    pub issuer: Arc<str>,
    /// The subject at that issuer.
    pub subject: Arc<str>,
}

/// The ID of a grant. It is not secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub Arc<str>);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pending step of a browser: an authorization request that waits for sign-in or consent, or a sign-in
/// at an identity provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// The digest of the secret that continues the transaction.
    pub id: Digest,
    /// When the transaction expires.
    pub expires: UnixTime,
    /// The state of the transaction, encrypted with the master key.
    pub sealed: Vec<u8>,
    /// The network that the transaction counts toward.
    #[serde(default)]
    pub share: Arc<str>,
}

/// The sign-in of a browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// The digest of the cookie.
    pub id: Digest,
    /// When the sign-in expires.
    pub expires: UnixTime,
    /// The user, encrypted with the cookie and the master key.
    pub sealed: Vec<u8>,
    /// The user, or in development the network, that the sign-in counts toward.
    #[serde(default)]
    pub share: Arc<str>,
}

/// The key of a consent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsentKey {
    /// The user.
    pub user: UserId,
    /// The client.
    pub client: ClientId,
    /// The redirect URI.
    pub redirect_uri: Arc<str>,
    /// The resource.
    pub resource: Arc<str>,
}

/// A consent of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// The key.
    pub key: ConsentKey,
    /// The scopes on the consent page.
    pub scopes: Scopes,
    /// When the consent expires.
    pub expires: UnixTime,
}

/// A grant of a user to a client. It ends when its refresh token expires unused, and at its deadline at
/// the latest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// The ID.
    pub id: GrantId,
    /// The user who granted access.
    pub user: UserId,
    /// The client that has access.
    pub client: ClientId,
    /// The redirect URI that received the code.
    pub redirect_uri: Arc<str>,
    /// The resource that the client can access.
    pub resource: Arc<str>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// When the user granted access.
    pub created: UnixTime,
    /// When the refresh token was last used. Before the first use, the same as `created`.
    pub used: UnixTime,
    /// When the grant ends, unless the client refreshes it before.
    pub expires: UnixTime,
    /// When the grant ends even if the client refreshes it. `expires` is never later.
    pub deadline: UnixTime,
    /// The previous refresh token, while the client may present it again because it may have lost the
    /// response with its successor.
    pub retryable: Option<Digest>,
    /// The properties, encrypted with the grant's key.
    pub sealed: Vec<u8>,
    /// How often the properties were replaced.
    pub revision: u64,
}

/// An authorization code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Code {
    /// The digest of the code.
    pub id: Digest,
    /// The grant.
    pub grant: GrantId,
    /// The S256 code challenge.
    pub challenge: Digest,
    /// When the code expires.
    pub expires: UnixTime,
    /// The grant's key, wrapped by the code.
    pub wrapped: Vec<u8>,
    /// Whether the code was redeemed.
    pub used: bool,
}

/// An access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// The digest of the token.
    pub id: Digest,
    /// The grant.
    pub grant: GrantId,
    /// The resource: that of the grant, or a part of it.
    pub resource: Arc<str>,
    /// The scopes: those of the grant, or fewer.
    pub scopes: Scopes,
    /// When the token was issued.
    pub issued: UnixTime,
    /// When the token expires.
    pub expires: UnixTime,
    /// The refresh token that the token response replaced; `None` after a code.
    pub replaces: Option<Digest>,
    /// The grant's key, wrapped by the token.
    pub wrapped: Vec<u8>,
}

/// A refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshToken {
    /// The digest of the token.
    pub id: Digest,
    /// The grant.
    pub grant: GrantId,
    /// When the token expires.
    pub expires: UnixTime,
    /// The grant's key, wrapped by the token.
    pub wrapped: Vec<u8>,
}

/// The times for the rotation of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationTimes {
    /// The current time.
    pub now: UnixTime,
    /// When the grant expires after the rotation.
    pub grant_expires: UnixTime,
    /// How long after a rotation a second request with the same token counts as concurrent.
    pub concurrent: Duration,
    /// How long after its first replacement a token can be presented again.
    pub grace: Duration,
}

/// The tokens of one token response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// The refresh token, for clients with refresh tokens.
    pub refresh: Option<RefreshToken>,
}

/// A filter for grants. `None` matches all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantFilter {
    /// The subject of the user, at any issuer.
    pub subject: Option<Arc<str>>,
    /// The client of the grant.
    pub client: Option<ClientId>,
}

/// An API token, which an operator created for a script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiToken {
    /// The ID, which is not secret.
    pub id: Arc<str>,
    /// The digest of the token.
    pub digest: Digest,
    /// The purpose of the token.
    pub label: Arc<str>,
    /// The user that the token authenticates.
    pub user: UserId,
    /// The scopes.
    pub scopes: Scopes,
    /// When the token was created.
    pub created: UnixTime,
    /// When the token expires; `None` for never.
    pub expires: Option<UnixTime>,
}
