//! `[auth]` in `farport.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How users sign in, and what the sign-in pages look like. Everything has a default; without a
/// provider, here or in code, the server is public.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AuthSettings {
    /// Where users sign in.
    pub provider: Option<ProviderName>,
    /// What to ask the provider for, in place of what is usual there. Who this server is to the
    /// provider stands in variables: `GITHUB_CLIENT_ID`, `GITHUB_CLIENT_SECRET` and the like.
    pub provider_scopes: Vec<String>,
    /// The scopes of this server, each with what it allows, in words for the consent page.
    pub scopes: BTreeMap<String, String>,
    /// Those that a client is told to ask for at first.
    pub default_scopes: Vec<String>,
    /// What the server is called on the sign-in pages.
    pub name: Option<String>,
    /// A picture for the sign-in pages: the path of an SVG or PNG file.
    pub logo: Option<std::path::PathBuf>,
    /// The colour of the buttons there: `#0b57d0`, `teal`.
    pub color: Option<String>,
    /// Private-use schemes of redirect URIs that are accepted, besides those that are well known:
    /// `myapp`.
    pub redirect_schemes: Vec<String>,
    /// Whether clients may register themselves. They may, unless set.
    pub registration: Option<bool>,
    /// How many seconds an access token is good. 3,600 unless set.
    pub access_token_secs: Option<u64>,
    /// How many seconds a sign-in lasts that is not used. 30 days unless set.
    pub refresh_token_secs: Option<u64>,
}

/// Where users sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderName {
    /// Under any name, for development.
    DevLogin,
    /// Not at all: API tokens alone.
    ApiToken,
    /// GitHub, or GitHub Enterprise Server.
    #[serde(rename = "github")]
    #[cfg_attr(not(target_arch = "wasm32"), value(name = "github"))]
    GitHub,
    /// Google.
    Google,
    /// Slack.
    Slack,
    /// Auth0.
    Auth0,
    /// WorkOS AuthKit.
    #[serde(rename = "workos")]
    #[cfg_attr(not(target_arch = "wasm32"), value(name = "workos"))]
    WorkOs,
    /// Stytch.
    Stytch,
    /// Okta.
    Okta,
    /// Keycloak.
    Keycloak,
    /// Any OpenID provider.
    Oidc,
    /// Not here: at an authorization server elsewhere, whose tokens are only checked.
    External,
}
