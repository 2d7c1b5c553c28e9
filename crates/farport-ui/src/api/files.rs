//! Exports of the timeline, and the file of saved calls.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{AppState, Failure, parse};
use crate::state::State;
use crate::{export, saved};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    format: Format,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Ndjson,
    Har,
}

/// Exports the timeline. The page offers it as a file.
pub(super) async fn export(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: Export = parse(&body)?;
    let (kind, text) = match wanted.format {
        Format::Ndjson => ("application/x-ndjson", state.read_timeline(export::ndjson)),
        Format::Har => ("application/json", state.read_timeline(export::har)),
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

impl From<saved::Error> for Failure {
    fn from(error: saved::Error) -> Self {
        let status = match error {
            saved::Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

fn shown(state: &State, file: &saved::File) -> Response {
    let path = state.saved_calls().display().to_string();
    Json(json!({ "path": path, "calls": file.calls })).into_response()
}

/// Lists the saved calls.
pub(super) async fn list(Shared(state): AppState) -> Result<Response, Failure> {
    Ok(shown(&state, &saved::read(state.saved_calls())?))
}

/// Saves a call.
pub(super) async fn save(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let call: saved::Call = parse(&body)?;
    Ok(shown(&state, &saved::save(state.saved_calls(), call)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    name: String,
}

/// Removes a saved call.
pub(super) async fn forget(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: Forget = parse(&body)?;
    Ok(shown(
        &state,
        &saved::remove(state.saved_calls(), &wanted.name)?,
    ))
}
