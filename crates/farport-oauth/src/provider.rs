//! Identity providers: those who say who somebody is.

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

/// A place where users sign in.
///
/// Nothing here is kept between two steps of one sign-in: what has to be is in the arguments, and
/// comes from a transaction that is bound to one browser.
pub trait Provider: Send + Sync + 'static {
    /// What it is called on pages: `GitHub`.
    fn name(&self) -> &str;

    /// Where to send the browser.
    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>>;

    /// Makes of the code, with which the browser came back, who the user is.
    fn finish<'a>(
        &'a self,
        finish: Finish<'a>,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>>;

    /// Renews what the provider gave for a user. What it leaves out of its answer stays.
    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>>;
}

/// The time, and the way to the provider's servers.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The present time.
    pub now: UnixTime,
    /// The way to other servers.
    pub fetcher: &'a Arc<dyn Fetcher>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The beginning of a sign-in at a provider.
pub struct Begin<'a> {
    /// Where the browser is to come back to.
    pub redirect_uri: &'a str,
    /// What it is to bring back.
    pub state: &'a str,
    /// What an id token has to repeat.
    pub nonce: &'a str,
    /// The PKCE verifier; what is sent is its S256 challenge.
    pub verifier: &'a str,
}

/// The end of a sign-in at a provider.
pub struct Finish<'a> {
    /// The code that the browser brought.
    pub code: &'a str,
    /// The `iss` that it brought (RFC 9207), which has to be the provider's where there is one,
    /// and has to be there where the provider's metadata say so.
    pub iss: Option<&'a str>,
    /// The redirect URI of the beginning.
    pub redirect_uri: &'a str,
    /// The nonce of the beginning.
    pub nonce: &'a str,
    /// The PKCE verifier of the beginning.
    pub verifier: &'a str,
}

/// All but the redirect URI is secret.
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

/// Why a sign-in at a provider failed. Both texts are without secrets.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider answered, and what it says cannot be accepted: a wrong signature, audience,
    /// nonce, issuer. The text is for the log.
    #[error("what the provider says is not acceptable: {0}")]
    Unacceptable(String),
    /// This user may not sign in here. The text is for the user.
    #[error("{0}")]
    NotAllowed(String),
    /// The provider refuses: the code or the refresh token is not good (any more).
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// The provider cannot be reached, or answers nonsense.
    #[error("the provider failed: {0}")]
    Unavailable(String),
}

/// A provider cannot be set up so. The text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub String);
