//! Sign-in: how users authenticate.

mod build;
#[cfg(test)]
mod by_settings;
mod external;
mod open;
mod problem;

use std::{fmt, sync::Arc};

use farport_oauth::provider::{GitHub, OAuth2, Oidc, Provider, Slack};

pub(crate) use build::auth;
pub use external::External;

use crate::settings::ProviderName;

/// How users sign in. Create it from a provider such as [`GitHub`], from [`DevLogin`], [`ApiToken`],
/// [`ExternalServer`](farport_oauth::ExternalServer) or [`External`].
///
/// ```
/// use farport::{DevLogin, SignIn};
///
/// let sign_in: SignIn = DevLogin.into();
/// # let _ = sign_in;
/// ```
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
    /// Sets up the provider with this name from the environment, as `provider` under `[auth]` in
    /// `farport.toml` does. Without `scopes`, the server requests the provider's default scopes.
    ///
    /// # Errors
    /// When a variable is missing or invalid. The error names it.
    pub fn from_env(provider: ProviderName, scopes: &[String]) -> Result<Self, crate::Error> {
        build::named(provider, scopes)
    }

    /// Returns the claim with the user name, if the provider guarantees that it is unique.
    pub(crate) fn unique_login(&self) -> Option<&str> {
        match &self.0 {
            Kind::Development => Some("login"),
            Kind::Provider(provider) => provider.unique_login(),
            Kind::ApiTokens | Kind::External(_) => None,
        }
    }

    pub(crate) fn provider_name(&self) -> String {
        match &self.0 {
            Kind::Development => "dev-login".to_owned(),
            Kind::Provider(provider) => provider.name().to_owned(),
            Kind::ApiTokens => "api-token".to_owned(),
            Kind::External(_) => "the external authorization server".to_owned(),
        }
    }

    /// Signs users in with your own implementation of an identity provider.
    pub fn at(provider: impl Provider) -> Self {
        Self(Kind::Provider(Arc::new(provider)))
    }
}

/// Sign-in with any name and no password, for development. The server does not start if other machines
/// can reach it.
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// let server = farport::Server::new(|_| Greeter).auth(farport::DevLogin);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DevLogin;

/// API tokens instead of sign-in: the server accepts tokens that `farport tokens create` created.
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// let server = farport::Server::new(|_| Greeter).auth(farport::ApiToken);
/// # let _ = server;
/// ```
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
