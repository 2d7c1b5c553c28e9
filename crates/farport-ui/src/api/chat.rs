//! The routes of the chat.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::connect::SecretValue;
use super::{AppState, Failure, parse};
use crate::chat::Dialect;
use crate::chat::page::{self, Act};

pub(super) fn routes() -> Router<std::sync::Arc<crate::state::State>> {
    Router::new()
        .route("/api/chat/act", post(act))
        .route("/api/chat/providers", post(providers))
        .route("/api/chat/provider", post(add_provider))
        .route("/api/chat/keep-key", post(keep_key))
        .route("/api/chat/forget-key", post(forget_key))
        .route("/api/chat/models", post(models))
        .route("/api/chat/result", post(result))
        .route("/api/chat/raw", post(raw))
        .route("/api/chat/view", post(of_view))
        .route("/api/chat/export", post(export))
        .route("/api/chat/import", post(import))
        .route("/api/chat/sample", post(sample))
}

fn refused(message: String) -> Failure {
    Failure(StatusCode::CONFLICT, message)
}

fn of_model(failure: crate::chat::Failure) -> Failure {
    let message = match failure.hint {
        Some(hint) => format!("{}; hint: {hint}", failure.message),
        None => failure.message,
    };
    Failure(StatusCode::BAD_GATEWAY, message)
}

fn gone(what: &str) -> Failure {
    Failure(
        StatusCode::NOT_FOUND,
        format!("farport no longer holds {what}"),
    )
}

async fn act(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let act: Act = parse(&body)?;
    state.chat().act(act).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Providers {
    #[serde(default)]
    probe: bool,
}

async fn providers(Shared(state): AppState, body: Bytes) -> Result<Json<Value>, Failure> {
    let wanted: Providers = parse(&body)?;
    let providers = state.chat().providers(wanted.probe).await;
    Ok(Json(
        json!({ "providers": providers, "chosen": state.chat().chosen() }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProvider {
    #[serde(default)]
    label: String,
    api: Dialect,
    base_url: String,
    #[serde(default)]
    key: Option<SecretValue>,
}

async fn add_provider(Shared(state): AppState, body: Bytes) -> Result<Json<Value>, Failure> {
    let new: NewProvider = parse(&body)?;
    let key = new.key.map(|key| key.0);
    let added = state
        .chat()
        .add_provider(&new.label, new.api, &new.base_url, key);
    let id = added.map_err(|why| Failure(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProvider {
    provider: String,
}

async fn keep_key(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: OfProvider = parse(&body)?;
    let kept = state.chat().keep_key(&wanted.provider).await;
    kept.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn forget_key(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: OfProvider = parse(&body)?;
    let forgotten = state.chat().forget_key(&wanted.provider).await;
    forgotten.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn models(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: OfProvider = parse(&body)?;
    let models = state
        .chat()
        .models(&wanted.provider)
        .await
        .map_err(of_model)?;
    Ok(Json(models).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultOf {
    call: u64,
}

async fn result(Shared(state): AppState, body: Bytes) -> Result<Json<Value>, Failure> {
    let wanted: ResultOf = parse(&body)?;
    let result = state.chat().result(wanted.call);
    result.map(Json).ok_or_else(|| gone("this result"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOf {
    step: u64,
}

async fn raw(Shared(state): AppState, body: Bytes) -> Result<Json<Value>, Failure> {
    let wanted: RawOf = parse(&body)?;
    let raw = state.chat().raw(wanted.step);
    raw.map(Json)
        .ok_or_else(|| gone("the request of this response"))
}

/// What the view of an app may request of its server.
const OF_VIEW: [&str; 3] = ["resources/read", "tools/call", "tools/list"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfView {
    server: String,
    #[serde(default)]
    address: Option<String>,
    method: String,
    params: Box<RawValue>,
}

async fn of_view(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: OfView = parse(&body)?;
    if !OF_VIEW.contains(&wanted.method.as_str()) {
        return Err(refused(format!("a view may not request {}", wanted.method)));
    }
    let address = wanted.address.as_deref();
    let asked = page::of_view(
        &state,
        &wanted.server,
        address,
        &wanted.method,
        &wanted.params,
    );
    let (address, outcome) = asked.await?;
    Ok(Json(json!({ "address": address, "outcome": outcome })).into_response())
}

async fn export(Shared(state): AppState) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, state.chat().export()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    text: String,
}

async fn import(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: Import = parse(&body)?;
    let imported = state.chat().import(&wanted.text);
    imported.map_err(|why| Failure(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    params: Value,
}

async fn sample(Shared(state): AppState, body: Bytes) -> Result<Json<Value>, Failure> {
    let wanted: Sample = parse(&body)?;
    let answer = state
        .chat()
        .sample(&wanted.params)
        .await
        .map_err(of_model)?;
    Ok(Json(answer))
}
