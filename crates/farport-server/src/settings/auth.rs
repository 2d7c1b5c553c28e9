//! `[auth]` in `farport.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The settings of the sign-in and its pages, each with a default. Without a provider, here or in code,
/// the server is public.
///
/// ```
/// let mut settings = farport::Settings::default();
/// settings.auth.provider = Some(farport::ProviderName::GitHub);
/// settings.auth.name = Some("Weather".to_owned());
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AuthSettings {
    /// The provider that users sign in with.
    pub provider: Option<ProviderName>,
    /// The scopes to request from the provider, instead of its default. The credentials for the provider
    /// are variables: `GITHUB_CLIENT_ID`, `GITHUB_CLIENT_SECRET` and so on.
    pub provider_scopes: Vec<String>,
    /// The server's scopes, each with its description on the consent page.
    pub scopes: BTreeMap<String, String>,
    /// The scopes that a client should request at first.
    pub default_scopes: Vec<String>,
    /// The name of the server on the sign-in pages.
    pub name: Option<String>,
    /// The logo on the sign-in pages: the path of an SVG or PNG file.
    pub logo: Option<std::path::PathBuf>,
    /// The color of the buttons: `#0b57d0`, `teal`.
    pub color: Option<String>,
    /// Schemes of redirect URIs to accept, such as `myapp`, besides https, schemes with a dot, and those
    /// of known clients.
    pub redirect_schemes: Vec<String>,
    /// Whether clients may register themselves. The default is yes.
    pub registration: Option<bool>,
    /// Whether a client may identify itself by the https URL of its metadata document, which the
    /// server then fetches. The default is yes.
    pub client_documents: Option<bool>,
    /// The lifetime of an access token, in seconds. The default is 3,600.
    pub access_token_secs: Option<u64>,
    /// The time without use after which a sign-in ends, in seconds. The default is 30 days.
    pub refresh_token_secs: Option<u64>,
    /// The time after which a sign-in ends even if it is used, in seconds. The default is 180 days.
    pub grant_secs: Option<u64>,
}

/// The name of a sign-in in the settings.
///
/// ```
/// # use farport::{ProviderName, SignIn};
/// let sign_in = SignIn::from_env(ProviderName::ApiToken, &[])?;
/// # let _ = sign_in;
/// # Ok::<(), farport::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderName {
    /// Sign-in with any name, for development.
    DevLogin,
    /// API tokens only, without a sign-in page.
    ApiToken,
    /// GitHub, or GitHub Enterprise Server.
    #[serde(rename = "github")]
    GitHub,
    /// Google.
    Google,
    /// Slack.
    Slack,
    /// Auth0.
    Auth0,
    /// WorkOS AuthKit.
    #[serde(rename = "workos")]
    WorkOs,
    /// Stytch.
    Stytch,
    /// Okta.
    Okta,
    /// Keycloak.
    Keycloak,
    /// Any OpenID provider.
    Oidc,
    /// An external authorization server, whose tokens the server only checks.
    External,
}

impl ProviderName {
    /// All names, with what each signs users in with.
    pub const ALL: [(Self, &'static str, &'static str); 12] = [
        (
            Self::DevLogin,
            "dev-login",
            "Sign-in with any name, for development",
        ),
        (
            Self::ApiToken,
            "api-token",
            "API tokens only, without a sign-in page",
        ),
        (
            Self::GitHub,
            "github",
            "GitHub, or GitHub Enterprise Server",
        ),
        (Self::Google, "google", "Google"),
        (Self::Slack, "slack", "Slack"),
        (Self::Auth0, "auth0", "Auth0"),
        (Self::WorkOs, "workos", "WorkOS AuthKit"),
        (Self::Stytch, "stytch", "Stytch"),
        (Self::Okta, "okta", "Okta"),
        (Self::Keycloak, "keycloak", "Keycloak"),
        (Self::Oidc, "oidc", "Any OpenID provider"),
        (
            Self::External,
            "external",
            "An external authorization server, whose tokens the server only checks",
        ),
    ];
}
