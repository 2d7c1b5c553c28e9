//! What stands before a server: who vouches for its users.

#[cfg(not(target_arch = "wasm32"))]
mod address;
mod build;
#[cfg(test)]
mod by_settings;
mod external;
mod settings;
mod signed_in;

use std::{fmt, sync::Arc};

use farport_oauth::provider::{GitHub, OAuth2, Oidc, Provider, Slack};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use address::client_address;
pub(crate) use build::Protection;
pub use build::SystemRandom;
pub use external::External;
pub use settings::{AuthSettings, ProviderName};
pub use signed_in::SignedIn;

/// How users sign in. Made of a provider, of [`DevLogin`], [`ApiToken`],
/// [`ExternalServer`](farport_oauth::ExternalServer) or [`External`].
#[derive(Clone)]
pub struct SignIn(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Development,
    ApiTokens,
    Provider(Arc<dyn Provider>),
    External(External),
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Development => f.write_str("DevLogin"),
            Kind::ApiTokens => f.write_str("ApiToken"),
            Kind::Provider(provider) => f.debug_tuple("Provider").field(&provider.name()).finish(),
            Kind::External(_) => f.write_str("External"),
        }
    }
}

impl SignIn {
    /// As `[auth] provider` says it: at the provider of this name, which is set up from the
    /// environment. It is asked for `scopes`; for what is usual there, if there are none.
    ///
    /// # Errors
    /// When a variable is missing or cannot be used; the text says which.
    pub fn from_env(provider: ProviderName, scopes: &[String]) -> Result<Self, crate::Error> {
        build::named(provider, scopes)
    }

    /// At an identity provider of one's own making.
    pub fn at(provider: impl Provider) -> Self {
        Self(Kind::Provider(Arc::new(provider)))
    }
}

/// Signing in under any name, for development. The server refuses to start unless it can be
/// reached from this machine alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct DevLogin;

/// No sign-in at all: whoever brings an API token, made with `farport tokens create`, is let in.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiToken;

macro_rules! providers {
    ($($provider:ty),*) => {$(
        impl From<$provider> for SignIn {
            fn from(provider: $provider) -> Self {
                Self::at(provider)
            }
        }
    )*};
}

providers!(GitHub, OAuth2, Oidc, Slack);

impl From<DevLogin> for SignIn {
    fn from(_: DevLogin) -> Self {
        Self(Kind::Development)
    }
}

impl From<ApiToken> for SignIn {
    fn from(_: ApiToken) -> Self {
        Self(Kind::ApiTokens)
    }
}

impl From<External> for SignIn {
    fn from(external: External) -> Self {
        Self(Kind::External(external))
    }
}
