//! Where to connect: a URL, a stored sign-in, or a server from a configuration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::{AppState, Failure, parse};
use crate::servers::SavedServer;
use crate::state::State;
use crate::target::{Settings, Target};

/// Where to connect. The page never receives a header's value or a URL's query, so it may refer to
/// those that the inspector has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connect {
    url: String,
    /// The key of a stored sign-in whose URL to use.
    #[serde(default)]
    sign_in: Option<String>,
    /// The id of a server from a configuration, whose URL and header values to use.
    #[serde(default)]
    server: Option<String>,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    allow_http: bool,
    #[serde(default)]
    settings: Settings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    /// The value. Without it, the value of the saved server or of the current target is used.
    #[serde(default)]
    value: Option<SecretValue>,
}

#[derive(Deserialize)]
pub(super) struct SecretValue(#[serde(deserialize_with = "secret")] pub(super) SecretString);

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Connects to a server.
pub(super) async fn connect(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: Connect = parse(&body)?;
    let invalid = |message: String| Failure(StatusCode::UNPROCESSABLE_ENTITY, message);
    let current = state.target();
    let same = current.as_ref().filter(|target| target.is_at(&wanted.url));
    let saved = match &wanted.server {
        Some(id) => Some(
            configured(&state, id)
                .await
                .ok_or_else(|| invalid("this server is no longer configured".to_owned()))?,
        ),
        None => None,
    };
    let saved = saved.as_ref().map(|saved| &saved.target);
    if saved.is_some_and(|target| target.command().is_some()) {
        let message = "only the command line starts a process".to_owned();
        return Err(invalid(message));
    }
    let url = match (&wanted.sign_in, saved.and_then(Target::url)) {
        (_, Some(url)) => url.to_owned(),
        (Some(key), None) => state
            .store()
            .list()
            .map_err(|error| invalid(error.with_hint()))?
            .into_iter()
            .find(|one| one.key == *key)
            .map(|one| one.server)
            .ok_or_else(|| invalid("this sign-in is no longer stored".to_owned()))?,
        (None, None) => same
            .and_then(Target::url)
            .map_or_else(|| wanted.url.clone(), ToOwned::to_owned),
    };
    let mut headers = Vec::new();
    for header in wanted.headers {
        // Stored values go to the server that they were given for, and to no other.
        let value = header
            .value
            .map(|value| value.0)
            .or_else(|| {
                let known = saved.or(same);
                known
                    .and_then(|target| target.header(&header.name))
                    .cloned()
            })
            .ok_or_else(|| invalid(format!("enter the value of the header {}", header.name)))?;
        headers.push((header.name, value));
    }
    let target = Target::new(url, headers, wanted.allow_http).with(wanted.settings);
    target
        .to_client(None)
        .map_err(|error| invalid(error.with_hint()))?;
    state.connect(target);
    Ok(StatusCode::NO_CONTENT)
}

/// The server with this id. Configurations are read on a thread that may block.
async fn configured(state: &Arc<State>, id: &str) -> Option<SavedServer> {
    let all = all_configured(state).await;
    all.into_iter().find(|one| one.id == id)
}

async fn all_configured(state: &Arc<State>) -> Vec<SavedServer> {
    let state = Arc::clone(state);
    let read = tokio::task::spawn_blocking(move || state.servers());
    read.await.unwrap_or_default()
}

/// Lists the servers from configurations.
pub(super) async fn servers(Shared(state): AppState) -> Response {
    let all = all_configured(&state).await;
    let all: Vec<Value> = all.iter().map(SavedServer::shown).collect();
    Json(all).into_response()
}
