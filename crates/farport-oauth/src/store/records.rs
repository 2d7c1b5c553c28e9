//! The things that a store keeps.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{ClientId, Digest, Scopes, UnixTime};

/// A user, by who vouches for them and by what name. Never by an e-mail address: an address can
/// pass to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId {
    /// The issuer's identifier.
    pub issuer: Arc<str>,
    /// The subject at that issuer.
    pub subject: Arc<str>,
}

/// Names a grant. It proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub Arc<str>);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that a browser is in the middle of: an authorization request that waits for sign-in
/// or consent, or a sign-in that is going on at an identity provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// The digest of the secret that continues it.
    pub id: Digest,
    /// When it can no longer be continued.
    pub expires: UnixTime,
    /// What it is about, sealed under the master key.
    pub sealed: Vec<u8>,
}

/// A browser in which somebody has signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// The digest of its cookie.
    pub id: Digest,
    /// When it is forgotten.
    pub expires: UnixTime,
    /// Who has signed in, sealed under the cookie.
    pub sealed: Vec<u8>,
}

/// What consent is remembered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsentKey {
    /// Who consented.
    pub user: UserId,
    /// To what client.
    pub client: ClientId,
    /// At which redirect URI.
    pub redirect_uri: Arc<str>,
    /// At which resource.
    pub resource: Arc<str>,
}

/// What a user consented to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// By whom and for whom.
    pub key: ConsentKey,
    /// The scopes they saw.
    pub scopes: Scopes,
    /// When to ask again.
    pub expires: UnixTime,
}

/// What a user granted a client. It lives for as long as its refresh token can.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// Who granted it.
    pub user: UserId,
    /// To whom.
    pub client: ClientId,
    /// The redirect URI its code went to.
    pub redirect_uri: Arc<str>,
    /// The resource it is good at.
    pub resource: Arc<str>,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was granted.
    pub created: UnixTime,
    /// When it ends.
    pub expires: UnixTime,
    /// What is known of the user, sealed under the grant's key.
    pub sealed: Vec<u8>,
    /// How often what is sealed was replaced.
    pub revision: u64,
}

/// An authorization code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Code {
    /// Its digest.
    pub id: Digest,
    /// The grant it gives access to.
    pub grant: GrantId,
    /// The S256 code challenge it is bound to.
    pub challenge: Digest,
    /// The last time at which it is good.
    pub expires: UnixTime,
    /// The grant's key, wrapped by the code.
    pub wrapped: Vec<u8>,
    /// Whether it was redeemed.
    pub used: bool,
}

/// An access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its digest.
    pub id: Digest,
    /// Its grant.
    pub grant: GrantId,
    /// The resource it is good at: the grant's, or a part of it.
    pub resource: Arc<str>,
    /// What it allows: the grant's scopes, or fewer.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued: UnixTime,
    /// The last time at which it is good.
    pub expires: UnixTime,
    /// The grant's key, wrapped by the token.
    pub wrapped: Vec<u8>,
}

/// A refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshToken {
    /// Its digest.
    pub id: Digest,
    /// Its grant.
    pub grant: GrantId,
    /// The last time at which it is good.
    pub expires: UnixTime,
    /// The grant's key, wrapped by the token.
    pub wrapped: Vec<u8>,
}

/// What one answer of the token endpoint issues.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// The refresh token, for clients that take one.
    pub refresh: Option<RefreshToken>,
}

/// Which grants to list. What is `None` fits all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantFilter {
    /// Only of this user's subject, at whatever issuer.
    pub subject: Option<Arc<str>>,
    /// Only of this client.
    pub client: Option<ClientId>,
}

/// A token that an operator made for a script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its name in lists.
    pub id: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// What it is for.
    pub label: Arc<str>,
    /// In whose name it acts.
    pub user: UserId,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends; never, where this is `None`.
    pub expires: Option<UnixTime>,
}
