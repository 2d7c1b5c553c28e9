//! The routes of the chat.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connect::SecretValue;
use super::{AppState, Failure, parse};
use crate::chat::Dialect;
use crate::chat::page::Act;

pub(super) fn routes() -> Router<std::sync::Arc<crate::state::State>> {
    Router::new()
        .route("/api/chat/act", post(act))
        .route("/api/chat/providers", post(providers))
        .route("/api/chat/provider", post(add_provider))
        .route("/api/chat/models", post(models))
        .route("/api/chat/result", post(result))
        .route("/api/chat/raw", post(raw))
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
    state.chat().act(act).map_err(refused)?;
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
struct ModelsOf {
    provider: String,
}

async fn models(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: ModelsOf = parse(&body)?;
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
