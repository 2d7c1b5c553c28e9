//! The JSON API. Every route is a POST with a JSON body, so that every request of a browser carries
//! an `Origin`. No route starts a process.

mod chat;
mod connect;
mod files;
mod sign_in;
mod subscribe;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::events;
use crate::live::Refused;
use crate::questions::Reply;
use crate::state::State;

/// The largest request of the page, in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

type AppState = Shared<Arc<State>>;

pub(crate) fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route("/api/events", post(stream))
        .route("/api/connect", post(connect::connect))
        .route("/api/servers", post(connect::servers))
        .route("/api/disconnect", post(disconnect))
        .route("/api/request", post(send_request))
        .route("/api/cancel", post(cancel_request))
        .route("/api/answer", post(answer_question))
        .route("/api/roots", post(set_roots))
        .route("/api/doctor", post(run_doctor))
        .route("/api/revisions", post(compare_revisions))
        .route("/api/entry", post(show_entry))
        .route("/api/clear", post(clear_timeline))
        .route("/api/sign-ins", post(sign_in::list))
        .route("/api/sign-in", post(sign_in::show))
        .route("/api/refresh-token", post(sign_in::refresh))
        .route("/api/sign-out", post(sign_in::sign_out))
        .route("/api/hold", post(sign_in::hold))
        .route("/api/continue", post(sign_in::continue_step))
        .route("/api/subscribe", post(subscribe::subscribe))
        .route("/api/export", post(files::export))
        .route("/api/saved", post(files::list))
        .route("/api/save", post(files::save))
        .route("/api/forget", post(files::forget))
        .merge(chat::routes())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(state)
}

/// An error as the page shows it.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self(StatusCode::CONFLICT, refused.to_string())
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure(
            StatusCode::BAD_REQUEST,
            format!("the request is invalid: {error}"),
        )
    })
}

async fn stream(Shared(state): AppState) -> Response {
    let (first, receiver) = state.subscribe();
    let body = events::body(first, receiver);
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

async fn disconnect(Shared(state): AppState) -> StatusCode {
    state.disconnect();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// A positive number that no running request has.
    id: std::num::NonZeroU64,
    method: String,
    #[serde(default)]
    params: Option<Box<RawValue>>,
}

async fn send_request(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: Request = parse(&body)?;
    let answer = state
        .request(wanted.id.get(), &wanted.method, wanted.params.as_deref())
        .await?;
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    id: std::num::NonZeroU64,
}

async fn cancel_request(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: Cancel = parse(&body)?;
    let cancelled = state.cancel(wanted.id.get())?;
    Ok(Json(json!({ "cancelled": cancelled })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    number: u64,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

async fn answer_question(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: AnswerBody = parse(&body)?;
    let reply = match (wanted.result, wanted.error) {
        (Some(result), None) => Reply::Result(result),
        (None, Some(error)) => Reply::Error(error),
        _ => {
            let message = "an answer has either a result or an error";
            return Err(Failure(StatusCode::BAD_REQUEST, message.to_owned()));
        }
    };
    if !state.answer(wanted.number, reply).await? {
        let message = "the server no longer waits for this answer";
        return Err(Failure(StatusCode::NOT_FOUND, message.to_owned()));
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roots {
    roots: Vec<Root>,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Root {
    uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

async fn set_roots(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: Roots = parse(&body)?;
    let roots = serde_json::value::to_raw_value(&wanted.roots)
        .map_err(|error| Failure(StatusCode::BAD_REQUEST, error.to_string()))?;
    state.set_roots(roots).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryOf {
    seq: u64,
}

async fn show_entry(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: EntryOf = parse(&body)?;
    let text = state.read_timeline(|all| all.get(wanted.seq).map(crate::timeline::Entry::detail));
    let text = text.ok_or_else(|| {
        let message = "the timeline no longer holds this entry";
        Failure(StatusCode::NOT_FOUND, message.to_owned())
    })?;
    Ok(Json(json!({ "text": text })).into_response())
}

async fn run_doctor(Shared(state): AppState) -> Result<Response, Failure> {
    Ok(Json(crate::doctor::doctor(&state).await?).into_response())
}

async fn compare_revisions(Shared(state): AppState) -> Result<Response, Failure> {
    Ok(Json(crate::revisions::revisions(&state).await?).into_response())
}

async fn clear_timeline(Shared(state): AppState) -> StatusCode {
    state.clear_timeline();
    StatusCode::NO_CONTENT
}
