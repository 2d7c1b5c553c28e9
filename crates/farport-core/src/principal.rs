//! Who a message is from.

use std::{collections::BTreeSet, fmt, hash::Hash, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::BoxFuture;

/// On whose behalf a message is served. Sessions, streams and state belong to one principal, and
/// are not found by another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Nobody has signed in: the server, or this part of it, is public.
    #[default]
    Anonymous,
    /// A user who has signed in.
    User(Arc<User>),
}

impl Principal {
    /// A user of whom no more is known than who vouches for them, and by what name.
    pub fn user(issuer: impl Into<Arc<str>>, subject: impl Into<Arc<str>>) -> Self {
        Self::User(Arc::new(User::new(issuer, subject)))
    }

    /// The user, if somebody has signed in.
    pub fn as_user(&self) -> Option<&User> {
        match self {
            Self::Anonymous => None,
            Self::User(user) => Some(user),
        }
    }
}

/// A user who has signed in, as a tool sees them.
///
/// Two are the same if the same issuer vouches for the same subject, whatever else is known of
/// them at the time.
#[derive(Clone)]
#[non_exhaustive]
pub struct User {
    /// Who vouches for them: the identity provider's issuer.
    pub issuer: Arc<str>,
    /// What they are called there. It never changes hands, as an e-mail address may.
    pub subject: Arc<str>,
    /// What people call them.
    pub name: Option<String>,
    /// Their e-mail address, where the provider has verified it.
    pub email: Option<String>,
    /// What they have let the client do.
    pub scopes: BTreeSet<Arc<str>>,
    /// Whatever else their provider says of them.
    pub claims: Map<String, Value>,
    /// The client that acts for them.
    pub client: Option<Arc<str>>,
    /// The provider's access token, for tools that act for the user there.
    pub upstream: Option<Arc<dyn UpstreamToken>>,
}

impl User {
    /// A user of whom nothing else is known.
    pub fn new(issuer: impl Into<Arc<str>>, subject: impl Into<Arc<str>>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            name: None,
            email: None,
            scopes: BTreeSet::new(),
            claims: Map::new(),
            client: None,
            upstream: None,
        }
    }

    /// Whether they have let the client do this.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// A claim that is text.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// The provider's access token, renewed first if it has expired.
    ///
    /// # Errors
    /// When this sign-in has none, or it cannot be renewed.
    pub async fn upstream_token(&self) -> Result<SecretString, UpstreamTokenError> {
        match &self.upstream {
            Some(upstream) => upstream.get().await,
            None => Err(UpstreamTokenError::None),
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.subject == other.subject
    }
}

impl Eq for User {}

impl Hash for User {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.issuer.hash(state);
        self.subject.hash(state);
    }
}

/// Gives the identity provider's access token of one user.
pub trait UpstreamToken: Send + Sync {
    /// The token, renewed first if it has expired.
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>>;
}

/// Why there is no upstream token. The texts are for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamTokenError {
    /// Nobody signed in at a provider: an API token, a sign-in for development, a public server.
    #[error("This sign-in has no token of an identity provider")]
    None,
    /// The provider no longer honours the sign-in.
    #[error("The sign-in at the identity provider has ended: sign in again")]
    SignInAgain,
    /// The provider cannot be reached; the reason is in the log.
    #[error("The identity provider cannot be reached at the moment: try again later")]
    Unavailable,
}
