//! GitHub's API, called with a user's own token.

use std::sync::OnceLock;

use reqwest::{Client, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A client of GitHub's API.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
}

impl Default for Api {
    /// The API of github.com.
    fn default() -> Self {
        Self::at("https://api.github.com")
    }
}

impl Api {
    /// The API at this URL.
    pub fn at(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base }
    }

    /// Returns the account that the token belongs to. The error is a text for the model.
    pub(crate) async fn user(&self, token: &SecretString) -> Result<Value, String> {
        let request = client()
            .map_err(|error| format!("Error: {error}"))?
            .get(format!("{}/user", self.base))
            .bearer_auth(token.expose_secret())
            .header(header::ACCEPT, "application/vnd.github+json")
            // GitHub requires a User-Agent.
            .header(header::USER_AGENT, env!("CARGO_PKG_NAME"));
        let answer = async { request.send().await?.error_for_status()?.json().await };
        let answer: Result<Value, reqwest::Error> = sendable(answer).await;
        answer.map_err(|error| match error.status() {
            Some(status) => format!("Error: GitHub responded with {status}"),
            None => "Error: GitHub cannot be reached".to_owned(),
        })
    }
}

/// The client that all requests share, created on first use.
fn client() -> Result<&'static Client, reqwest::Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        // This fails if a provider is installed already, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let client = Client::builder().build()?;
    Ok(CLIENT.get_or_init(|| client))
}

/// Makes a future `Send`, as tools require. JavaScript's promises are not, but a Worker has one
/// thread.
#[cfg(target_arch = "wasm32")]
fn sendable<F: Future>(future: F) -> impl Future<Output = F::Output> + Send {
    worker::send::SendFuture::new(future)
}

#[cfg(not(target_arch = "wasm32"))]
fn sendable<F: Future + Send>(future: F) -> F {
    future
}
