//! GitHub's API, called with a user's own token.

use reqwest::{Client, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A client of GitHub's API.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    client: Client,
}

impl Api {
    /// The API of github.com, or the one that `GITHUB_API_URL` names.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn from_env() -> Result<Self, reqwest::Error> {
        let base = std::env::var("GITHUB_API_URL");
        Self::at(base.as_deref().unwrap_or("https://api.github.com"))
    }

    /// The API at this URL.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn at(base: &str) -> Result<Self, reqwest::Error> {
        // This fails if a provider is installed already, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = base.trim_end_matches('/').to_owned();
        // GitHub requires a User-Agent.
        let client = Client::builder()
            .user_agent(env!("CARGO_PKG_NAME"))
            .build()?;
        Ok(Self { base, client })
    }

    /// Returns the account that the token belongs to. The error is a text for the model.
    pub(crate) async fn user(&self, token: &SecretString) -> Result<Value, String> {
        let request = self
            .client
            .get(format!("{}/user", self.base))
            .bearer_auth(token.expose_secret())
            .header(header::ACCEPT, "application/vnd.github+json");
        let answer = async { request.send().await?.error_for_status()?.json().await };
        let answer: Result<Value, reqwest::Error> = answer.await;
        answer.map_err(|error| match error.status() {
            Some(status) => format!("Error: GitHub responded with {status}"),
            None => "Error: GitHub cannot be reached".to_owned(),
        })
    }
}
