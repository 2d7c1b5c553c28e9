//! Providers from the environment: what `.dev.vars` and a server's secrets become.

use std::{
    collections::HashMap,
    env::{self, VarError},
    sync::OnceLock,
};

use secrecy::{ExposeSecret, SecretString};

use super::{GitHub, InvalidSettings, Oidc, Slack};
use crate::ExternalServer;

static GIVEN: OnceLock<HashMap<String, SecretString>> = OnceLock::new();

/// Gives the variables that providers are set up from, for a host without an environment of the
/// operating system's, such as a Worker. They count for as long as the process lives; only the first
/// call gives any.
pub fn provide_variables(variables: impl IntoIterator<Item = (String, SecretString)>) {
    GIVEN.get_or_init(|| variables.into_iter().collect());
}

fn variable(name: &str) -> Result<String, VarError> {
    let Some(given) = GIVEN.get() else {
        return env::var(name);
    };
    let value = given.get(name).ok_or(VarError::NotPresent)?;
    Ok(value.expose_secret().to_owned())
}

fn optional(name: &str) -> Result<Option<String>, InvalidSettings> {
    match variable(name) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(InvalidSettings(format!("{name} is not text"))),
    }
}

fn required(name: &str) -> Result<String, InvalidSettings> {
    let missing = || {
        InvalidSettings(format!(
            "{name} is not set: put it into .dev.vars, or into the server's environment"
        ))
    };
    optional(name)?.ok_or_else(missing)
}

impl GitHub {
    /// With `GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET`; at `GITHUB_BASE_URL`, where that is set.
    ///
    /// # Errors
    /// When one of them is missing, or the URL cannot be used.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        let provider = Self::new(
            required("GITHUB_CLIENT_ID")?,
            required("GITHUB_CLIENT_SECRET")?,
        );
        match optional("GITHUB_BASE_URL")? {
            Some(url) => provider.base_url(&url),
            None => Ok(provider),
        }
    }
}

impl Slack {
    /// With `SLACK_CLIENT_ID` and `SLACK_CLIENT_SECRET`; at `SLACK_BASE_URL`, where that is set.
    ///
    /// # Errors
    /// When one of them is missing, or the URL cannot be used.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        let provider = Self::new(
            required("SLACK_CLIENT_ID")?,
            required("SLACK_CLIENT_SECRET")?,
        );
        match optional("SLACK_BASE_URL")? {
            Some(url) => provider.base_url(&url),
            None => Ok(provider),
        }
    }
}

impl Oidc {
    /// With `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`; without the secret, as a
    /// public client.
    ///
    /// # Errors
    /// When one of the first two is missing, or the issuer cannot be used.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        Self::from_env_at(&required("OIDC_ISSUER")?)
    }

    /// The same at this issuer, whatever `OIDC_ISSUER` says.
    ///
    /// # Errors
    /// When `OIDC_CLIENT_ID` is missing, or the issuer cannot be used.
    pub fn from_env_at(issuer: &str) -> Result<Self, InvalidSettings> {
        let id = required("OIDC_CLIENT_ID")?;
        match optional("OIDC_CLIENT_SECRET")? {
            Some(secret) => Self::new(issuer, id, secret),
            None => Self::public(issuer, id),
        }
    }

    /// Google, with `GOOGLE_CLIENT_ID` and `GOOGLE_CLIENT_SECRET`; restricted to the domains in
    /// `GOOGLE_HOSTED_DOMAIN` (with commas between them), where that is set. `GOOGLE_ISSUER` is
    /// for a stand-in.
    ///
    /// # Errors
    /// When one of the first two is missing.
    pub fn google_from_env() -> Result<Self, InvalidSettings> {
        let id = required("GOOGLE_CLIENT_ID")?;
        let secret = required("GOOGLE_CLIENT_SECRET")?;
        let provider = match optional("GOOGLE_ISSUER")? {
            Some(issuer) => Self::google_at(&issuer, id, secret)?,
            None => Self::google(id, secret),
        };
        Ok(match optional("GOOGLE_HOSTED_DOMAIN")? {
            Some(domains) => provider.hosted_domains(domains.split(',').map(str::trim)),
            None => provider,
        })
    }

    /// Auth0, with `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID` and `AUTH0_CLIENT_SECRET`; asking for tokens
    /// for the API `AUTH0_AUDIENCE`, where that is set.
    ///
    /// # Errors
    /// When one of the first three is missing.
    pub fn auth0_from_env() -> Result<Self, InvalidSettings> {
        let provider = Self::auth0(
            &required("AUTH0_DOMAIN")?,
            required("AUTH0_CLIENT_ID")?,
            required("AUTH0_CLIENT_SECRET")?,
        )?;
        Ok(match optional("AUTH0_AUDIENCE")? {
            Some(audience) => provider.auth0_audience(audience),
            None => provider,
        })
    }

    /// WorkOS AuthKit, with `WORKOS_DOMAIN`, `WORKOS_CLIENT_ID` and `WORKOS_CLIENT_SECRET`.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn workos_from_env() -> Result<Self, InvalidSettings> {
        Self::workos(
            &required("WORKOS_DOMAIN")?,
            required("WORKOS_CLIENT_ID")?,
            required("WORKOS_CLIENT_SECRET")?,
        )
    }

    /// Stytch, with `STYTCH_DOMAIN`, `STYTCH_CLIENT_ID` and `STYTCH_CLIENT_SECRET`.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn stytch_from_env() -> Result<Self, InvalidSettings> {
        Self::stytch(
            &required("STYTCH_DOMAIN")?,
            required("STYTCH_CLIENT_ID")?,
            required("STYTCH_CLIENT_SECRET")?,
        )
    }

    /// Okta, with `OKTA_DOMAIN`, `OKTA_CLIENT_ID` and `OKTA_CLIENT_SECRET`.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn okta_from_env() -> Result<Self, InvalidSettings> {
        Self::okta(
            &required("OKTA_DOMAIN")?,
            required("OKTA_CLIENT_ID")?,
            required("OKTA_CLIENT_SECRET")?,
        )
    }

    /// Keycloak, with `KEYCLOAK_BASE_URL`, `KEYCLOAK_REALM`, `KEYCLOAK_CLIENT_ID` and
    /// `KEYCLOAK_CLIENT_SECRET`.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn keycloak_from_env() -> Result<Self, InvalidSettings> {
        Self::keycloak(
            &required("KEYCLOAK_BASE_URL")?,
            &required("KEYCLOAK_REALM")?,
            required("KEYCLOAK_CLIENT_ID")?,
            required("KEYCLOAK_CLIENT_SECRET")?,
        )
    }
}

impl ExternalServer {
    /// With `EXTERNAL_ISSUER`. Its tokens are JWTs; where `EXTERNAL_CLIENT_ID` and
    /// `EXTERNAL_CLIENT_SECRET` are set, it is asked about each instead. `EXTERNAL_AUDIENCE` is an
    /// audience that is ours, in place of the resource's URL, and `EXTERNAL_PERMISSIONS_CLAIM` one
    /// more claim that says what a token allows.
    ///
    /// # Errors
    /// When the issuer is missing or cannot be used, or the secret is missing beside the client id.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        let issuer = required("EXTERNAL_ISSUER")?;
        let mut server = match optional("EXTERNAL_CLIENT_ID")? {
            Some(id) => Self::introspection(&issuer, id, required("EXTERNAL_CLIENT_SECRET")?)?,
            None => Self::jwt(&issuer)?,
        };
        if let Some(audience) = optional("EXTERNAL_AUDIENCE")? {
            server = server.audience(audience);
        }
        if let Some(claim) = optional("EXTERNAL_PERMISSIONS_CLAIM")? {
            server = server.permissions_claim(claim);
        }
        Ok(server)
    }
}
