//! Providers from environment variables.

use std::{
    collections::HashMap,
    env::{self, VarError},
    sync::OnceLock,
};

use secrecy::{ExposeSecret, SecretString};

use super::{GitHub, InvalidSettings, Oidc, Slack};
use crate::ExternalServer;

static PROVIDED: OnceLock<HashMap<String, SecretString>> = OnceLock::new();

/// Provides the variables for [`GitHub::from_env`] and the other `from_env` functions, on a host without
/// environment variables, such as a Worker. Only the first call in a process has an effect.
pub fn provide_variables(variables: impl IntoIterator<Item = (String, SecretString)>) {
    PROVIDED.get_or_init(|| variables.into_iter().collect());
}

fn variable(name: &str) -> Result<String, VarError> {
    let Some(provided) = PROVIDED.get() else {
        return env::var(name);
    };
    let value = provided.get(name).ok_or(VarError::NotPresent)?;
    Ok(value.expose_secret().to_owned())
}

fn optional(name: &str) -> Result<Option<String>, InvalidSettings> {
    match variable(name) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(InvalidSettings(format!("{name} is not valid UTF-8"))),
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
    /// Reads `GITHUB_CLIENT_ID`, `GITHUB_CLIENT_SECRET` and the optional `GITHUB_BASE_URL`.
    ///
    /// # Errors
    /// When a required variable is missing, or the URL is not valid.
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
    /// Reads `SLACK_CLIENT_ID`, `SLACK_CLIENT_SECRET` and the optional `SLACK_BASE_URL`.
    ///
    /// # Errors
    /// When a required variable is missing, or the URL is not valid.
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
    /// Reads `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`. Without the secret, this is a
    /// public client.
    ///
    /// # Errors
    /// When one of the first two is missing, or the issuer is not valid.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        Self::from_env_at(&required("OIDC_ISSUER")?)
    }

    /// Like [`Oidc::from_env`], with this issuer instead of `OIDC_ISSUER`.
    ///
    /// # Errors
    /// When `OIDC_CLIENT_ID` is missing, or the issuer is not valid.
    pub fn from_env_at(issuer: &str) -> Result<Self, InvalidSettings> {
        let id = required("OIDC_CLIENT_ID")?;
        match optional("OIDC_CLIENT_SECRET")? {
            Some(secret) => Self::new(issuer, id, secret),
            None => Self::public(issuer, id),
        }
    }

    /// Google. Reads `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET`, and the optional
    /// `GOOGLE_HOSTED_DOMAIN`, a comma-separated list of the permitted domains. `GOOGLE_ISSUER` sets
    /// another issuer for tests.
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

    /// Auth0. Reads `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID`, `AUTH0_CLIENT_SECRET`, and the optional
    /// `AUTH0_AUDIENCE`, the API to request tokens for.
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

    /// WorkOS AuthKit. Reads `WORKOS_DOMAIN`, `WORKOS_CLIENT_ID` and `WORKOS_CLIENT_SECRET`.
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

    /// Stytch. Reads `STYTCH_DOMAIN`, `STYTCH_CLIENT_ID` and `STYTCH_CLIENT_SECRET`.
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

    /// Okta. Reads `OKTA_DOMAIN`, `OKTA_CLIENT_ID` and `OKTA_CLIENT_SECRET`.
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

    /// Keycloak. Reads `KEYCLOAK_BASE_URL`, `KEYCLOAK_REALM`, `KEYCLOAK_CLIENT_ID` and
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
    /// Reads `EXTERNAL_ISSUER`. Its tokens are JWTs, unless `EXTERNAL_CLIENT_ID` and
    /// `EXTERNAL_CLIENT_SECRET` are set: then they are validated by introspection.
    /// `EXTERNAL_AUDIENCE` sets the accepted audience instead of the resource URL, and
    /// `EXTERNAL_PERMISSIONS_CLAIM` adds a claim that contains scopes.
    ///
    /// # Errors
    /// When the issuer is missing or not valid, or the client ID is set without the secret.
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
