//! Slack's API, called with a user's own token.

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A client of Slack's API.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    client: Client,
}

impl Api {
    /// The API of slack.com, or of the site that `SLACK_BASE_URL` names.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn from_env() -> Result<Self, reqwest::Error> {
        let base = std::env::var("SLACK_BASE_URL");
        Self::at(base.as_deref().unwrap_or("https://slack.com"))
    }

    /// The API of the site at this URL.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn at(base: &str) -> Result<Self, reqwest::Error> {
        // This fails if a provider is installed already, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = base.trim_end_matches('/').to_owned();
        let client = Client::builder().build()?;
        Ok(Self { base, client })
    }

    /// Calls a method that reads data. The error is a text for the model.
    pub(crate) async fn get(
        &self,
        token: &SecretString,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, String> {
        let url = format!("{}/api/{method}", self.base);
        ask(self.client.get(url).query(query), token).await
    }

    /// Calls a method that writes data. The error is a text for the model.
    pub(crate) async fn post(
        &self,
        token: &SecretString,
        method: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let url = format!("{}/api/{method}", self.base);
        ask(self.client.post(url).json(body), token).await
    }
}

async fn ask(request: RequestBuilder, token: &SecretString) -> Result<Value, String> {
    let request = request.bearer_auth(token.expose_secret());
    let answer = async { request.send().await?.error_for_status()?.json().await };
    let answer: Result<Value, reqwest::Error> = answer.await;
    let answer = answer.map_err(|error| match error.status() {
        Some(status) => format!("Error: Slack responded with {status}"),
        None => "Error: Slack cannot be reached".to_owned(),
    })?;
    // Slack responds with 200 and reports errors in the body.
    match (answer["ok"].as_bool(), answer["error"].as_str()) {
        (Some(true), _) => Ok(answer),
        (_, Some(why)) => Err(format!("Error: Slack responded with {why}")),
        _ => Err("Error: Slack sent an unexpected response".to_owned()),
    }
}
