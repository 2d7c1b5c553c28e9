//! Identity providers, at which users sign in.

pub(crate) mod claims;
mod env;
pub(crate) mod exchange;
mod github;
mod metadata;
mod oauth2;
mod oidc;
mod presets;
mod slack;
pub(crate) mod urls;

use std::sync::Arc;

use url::Url;

pub use env::provide_variables;
pub use exchange::SecretIn;
pub use github::GitHub;
pub use oauth2::{OAuth2, OAuth2Urls};
pub use oidc::Oidc;
pub use slack::Slack;

use crate::{BoxFuture, Fetcher, Properties, UnixTime, UpstreamTokens};

/// An identity provider.
///
/// An implementation keeps no state between the steps of a sign-in. The state is in the arguments, and
/// comes from a transaction that is bound to one browser.
pub trait Provider: Send + Sync + 'static {
    /// The display name, such as `GitHub`.
    fn name(&self) -> &str;

    /// Starts a sign-in. Returns the authorization request, where the browser goes.
    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>>;

    /// Completes a sign-in with the code that the browser returned. Returns the user.
    fn finish<'a>(
        &'a self,
        finish: Finish<'a>,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>>;

    /// Refreshes the provider's tokens of a user. Values that the response omits stay unchanged.
    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>>;

    /// Revokes the provider's tokens of a user whose grant has ended. By default, and for providers
    /// without revocation, does nothing.
    fn revoke<'a>(
        &'a self,
        _tokens: &'a UpstreamTokens,
        _world: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether a revocation ends all of the user's tokens for this server. The server then revokes only
    /// when the user has no other grant. Default: false.
    fn revokes_all(&self) -> bool {
        false
    }

    /// The claim with a unique user name: `login` at GitHub. `None`, the default, if the provider does
    /// not guarantee that no two users have the same name at the same time.
    fn unique_login(&self) -> Option<&str> {
        None
    }
}

/// The current time, and the access to other servers.
#[derive(Clone, Copy)]
pub struct FetchContext<'a> {
    /// The present time.
    pub now: UnixTime,
    /// Sends requests to other servers.
    pub fetcher: &'a Arc<dyn Fetcher>,
}

impl std::fmt::Debug for FetchContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchContext")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The parameters of the start of a sign-in.
pub struct Begin<'a> {
    /// The redirect URI, where the browser returns to.
    pub redirect_uri: &'a str,
    /// The `state` that the browser has to return with.
    pub state: &'a str,
    /// The nonce that the id token has to contain.
    pub nonce: &'a str,
    /// The PKCE verifier. The request contains its S256 challenge.
    pub verifier: &'a str,
}

/// The parameters of the end of a sign-in.
pub struct Finish<'a> {
    /// The code that the browser returned with.
    pub code: &'a str,
    /// The `iss` that the browser returned with (RFC 9207). It has to be the provider's. It is required
    /// if the provider's metadata announces it.
    pub iss: Option<&'a str>,
    /// The redirect URI of the start.
    pub redirect_uri: &'a str,
    /// The nonce of the start.
    pub nonce: &'a str,
    /// The PKCE verifier of the start.
    pub verifier: &'a str,
}

/// Only the redirect URI is not secret.
impl std::fmt::Debug for Begin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begin")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Finish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finish")
            .field("iss", &self.iss)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// A sign-in at a provider failed. The messages contain no secrets.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider's response is not acceptable: its signature, audience, nonce or issuer is wrong. The
    /// message is for the log.
    #[error("the provider's response is not valid: {0}")]
    Unacceptable(String),
    /// This user may not sign in. The message is for the user.
    #[error("{0}")]
    NotAllowed(String),
    /// The provider rejected the code or the refresh token.
    #[error("the provider rejected the request: {0}")]
    Refused(String),
    /// The provider cannot be reached, or its response cannot be read.
    #[error("the provider failed: {0}")]
    Unavailable(String),
}

/// The settings of a provider are not valid. The message is for the operator.
///
/// ```
/// use farport_oauth::provider::Oidc;
///
/// let error = Oidc::new("not a URL", "client", "secret".to_owned()).unwrap_err();
/// assert!(!error.to_string().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub String);
