//! Tests of the setting `provider` under `[auth]`, in the file and the environment.

#![expect(
    clippy::result_large_err,
    reason = "figment's test harness wants its own error"
)]

use std::path::Path;

use figment::Jail;

use super::SignIn;
use crate::{
    error::Error,
    protection::Protection,
    settings::{ProviderName, Settings},
};

/// The name in the settings, the expected sign-in, the required variables, and the optional ones.
type Row = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
);

const PROVIDERS: [Row; 12] = [
    ("dev-login", "DevLogin", &[], &[]),
    ("api-token", "ApiToken", &[], &[]),
    (
        "github",
        "Provider(\"GitHub\")",
        &[("GITHUB_CLIENT_ID", "id"), ("GITHUB_CLIENT_SECRET", "s")],
        &[("GITHUB_BASE_URL", "https://git.example.com")],
    ),
    (
        "google",
        "Provider(\"Google\")",
        &[("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_CLIENT_SECRET", "s")],
        &[
            ("GOOGLE_HOSTED_DOMAIN", "a.example, b.example"),
            ("GOOGLE_ISSUER", "http://localhost:1"),
        ],
    ),
    (
        "slack",
        "Provider(\"Slack\")",
        &[("SLACK_CLIENT_ID", "id"), ("SLACK_CLIENT_SECRET", "s")],
        &[("SLACK_BASE_URL", "http://localhost:1")],
    ),
    (
        "auth0",
        "Provider(\"Auth0\")",
        &[
            ("AUTH0_DOMAIN", "a.eu.auth0.com"),
            ("AUTH0_CLIENT_ID", "id"),
            ("AUTH0_CLIENT_SECRET", "s"),
        ],
        &[("AUTH0_AUDIENCE", "https://api.example")],
    ),
    (
        "workos",
        "Provider(\"WorkOS\")",
        &[
            ("WORKOS_DOMAIN", "a.authkit.app"),
            ("WORKOS_CLIENT_ID", "id"),
            ("WORKOS_CLIENT_SECRET", "s"),
        ],
        &[],
    ),
    (
        "stytch",
        "Provider(\"Stytch\")",
        &[
            ("STYTCH_DOMAIN", "a.customers.stytch.com"),
            ("STYTCH_CLIENT_ID", "id"),
            ("STYTCH_CLIENT_SECRET", "s"),
        ],
        &[],
    ),
    (
        "okta",
        "Provider(\"Okta\")",
        &[
            ("OKTA_DOMAIN", "a.okta.com/oauth2/default"),
            ("OKTA_CLIENT_ID", "id"),
            ("OKTA_CLIENT_SECRET", "s"),
        ],
        &[],
    ),
    (
        "keycloak",
        "Provider(\"Keycloak\")",
        &[
            ("KEYCLOAK_BASE_URL", "https://id.example"),
            ("KEYCLOAK_REALM", "acme"),
            ("KEYCLOAK_CLIENT_ID", "id"),
            ("KEYCLOAK_CLIENT_SECRET", "s"),
        ],
        &[],
    ),
    (
        "oidc",
        "Provider(\"id.example\")",
        &[
            ("OIDC_ISSUER", "https://id.example"),
            ("OIDC_CLIENT_ID", "id"),
        ],
        &[("OIDC_CLIENT_SECRET", "s")],
    ),
    (
        "external",
        "External",
        &[("EXTERNAL_ISSUER", "https://id.example")],
        &[("EXTERNAL_AUDIENCE", "ours")],
    ),
];

/// Returns the sign-in of a server that sets none in code.
fn sign_in() -> Result<Option<SignIn>, Error> {
    let settings = Settings::load(Path::new("farport.toml"))?;
    Protection::default().sign_in(&settings)
}

fn described(sign_in: Result<Option<SignIn>, Error>) -> String {
    format!("{:?}", sign_in.unwrap().unwrap())
}

#[test]
fn the_file_and_the_environment_set_up_every_provider() {
    for (name, expect, needed, more) in PROVIDERS {
        Jail::expect_with(|jail| {
            let set = |jail: &mut Jail, variables: &[(&str, &str)]| {
                for (variable, value) in variables {
                    jail.set_env(variable, value);
                }
            };
            set(jail, needed);
            assert!(
                sign_in().unwrap().is_none(),
                "{name}: variables alone enable no sign-in"
            );
            jail.create_file("farport.toml", &format!("[auth]\nprovider = \"{name}\""))?;
            assert_eq!(described(sign_in()), expect, "{name}, from the file");
            set(jail, more);
            assert_eq!(described(sign_in()), expect, "{name}, with {more:?}");
            let scoped = format!("[auth]\nprovider = \"{name}\"\nprovider_scopes = [\"openid\"]");
            jail.create_file("farport.toml", &scoped)?;
            assert_eq!(described(sign_in()), expect, "{name}, with scopes");
            jail.create_file("farport.toml", "[auth]\nprovider = \"keycloak\"")?;
            jail.set_env("FARPORT_AUTH_PROVIDER", name);
            assert_eq!(described(sign_in()), expect, "{name}, by the environment");
            Ok(())
        });
    }
}

#[test]
fn an_error_names_the_missing_variable() {
    for (name, _, needed, _) in PROVIDERS {
        for (missing, _) in needed {
            Jail::expect_with(|jail| {
                for (variable, value) in needed.iter().filter(|(variable, _)| variable != missing) {
                    jail.set_env(variable, value);
                }
                jail.set_env("FARPORT_AUTH_PROVIDER", name);
                let said = sign_in().unwrap_err().to_string();
                assert!(said.contains(missing), "{name}: {said}");
                Ok(())
            });
        }
    }
}

#[test]
fn every_provider_has_the_same_name_everywhere() {
    for (name, written, _) in ProviderName::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), written);
    }
    let known = PROVIDERS.map(|(name, ..)| name);
    assert_eq!(ProviderName::ALL.map(|(_, written, _)| written), known);
    let page = include_str!("../../../../docs/providers.md");
    let explained = include_str!("../../../../docs/sign-in.md");
    for (name, _, needed, more) in PROVIDERS {
        assert!(explained.contains(&format!("`{name}`")), "{name}");
        for (variable, _) in needed.iter().chain(more) {
            assert!(page.contains(&format!("`{variable}`")), "{variable}");
        }
    }
}

#[test]
fn an_error_names_an_unknown_provider() {
    for provider in ["gitlab", "GitHub", ""] {
        Jail::expect_with(|jail| {
            jail.create_file(
                "farport.toml",
                &format!("[auth]\nprovider = \"{provider}\""),
            )?;
            let said = sign_in().unwrap_err().to_string();
            assert!(said.contains("provider"), "{said}");
            Ok(())
        });
    }
}
