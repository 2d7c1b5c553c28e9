//! The principal of a message: an anonymous client, or a user.

use std::{collections::BTreeSet, fmt, hash::Hash, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::BoxFuture;

/// The party on whose behalf the server handles a message. Each session, stream and state belongs to
/// one principal, and other principals cannot find it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A client without a user: the server, or this part of it, is public.
    #[default]
    Anonymous,
    /// A user who signed in.
    User(Arc<User>),
}

impl Principal {
    /// Creates a user from the identity provider's issuer and the user's subject there.
    pub fn user(issuer: impl Into<Arc<str>>, subject: impl Into<Arc<str>>) -> Self {
        Self::User(Arc::new(User::new(issuer, subject)))
    }

    /// Returns the user, or `None` for an anonymous client.
    pub fn as_user(&self) -> Option<&User> {
        match self {
            Self::Anonymous => None,
            Self::User(user) => Some(user),
        }
    }
}

/// A user who signed in, as tools see them.
///
/// Users are equal if their issuer and subject are equal. The other fields are not compared.
///
/// ```
/// let mut user = farport_core::User::new("https://accounts.example.com", "1234");
/// user.name = Some("Ann".to_owned());
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct User {
    /// The identity provider's issuer.
    pub issuer: Arc<str>,
    /// The user's identifier at the issuer. Unlike an email address, it is never reassigned.
    pub subject: Arc<str>,
    /// The display name.
    pub name: Option<String>,
    /// The email address, if the provider has verified it.
    pub email: Option<String>,
    /// The scopes that the user granted to the client.
    pub scopes: BTreeSet<Arc<str>>,
    /// The other claims of the provider.
    pub claims: Map<String, Value>,
    /// The client that acts for the user.
    pub client: Option<Arc<str>>,
    /// The provider's access token, for tools that call the provider on behalf of the user.
    pub upstream: Option<Arc<dyn UpstreamToken>>,
}

impl User {
    /// Creates a user without further details.
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

    /// Reports whether the user granted `scope` to the client.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// Returns a claim that is a string.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Returns the provider's access token. Refreshes it first if it has expired.
    ///
    /// # Errors
    /// If this sign-in has no such token, or it cannot be refreshed.
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

/// The identity provider's access token of one user.
///
/// ```
/// use farport_core::{BoxFuture, UpstreamToken, UpstreamTokenError};
/// use secrecy::SecretString;
///
/// /// A token for tests.
/// struct Fixed;
///
/// impl UpstreamToken for Fixed {
///     fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>> {
///         Box::pin(async { Ok("a token".into()) })
///     }
/// }
/// ```
pub trait UpstreamToken: Send + Sync {
    /// Returns the token. Refreshes it first if it has expired.
    ///
    /// # Errors
    /// If there is no token, or it cannot be refreshed.
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>>;
}

/// The reason why there is no upstream token. The messages are for the user.
///
/// ```
/// let error = farport_core::UpstreamTokenError::SignInAgain;
/// assert!(error.to_string().ends_with("sign in again"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamTokenError {
    /// The user did not sign in with a provider, but with an API token or the development sign-in,
    /// or the server is public.
    #[error("no identity provider token: this sign-in did not use an identity provider")]
    None,
    /// The provider rejected the refresh token.
    #[error("the sign-in with the identity provider has expired: sign in again")]
    SignInAgain,
    /// The provider is unavailable. The log has the cause.
    #[error("the identity provider is unavailable: try again later")]
    Unavailable,
}
