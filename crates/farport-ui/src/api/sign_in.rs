//! Sign-ins: those that are stored, the current one with its log, a refresh, and the end of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use farport_client::{HttpOptions, LoggedOut, NoBrowser, Summary, log_out, parse_url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AppState, Failure, parse};
use crate::person::person;
use crate::state::State;
use crate::target::{Target, shown_url};

fn failed(error: &farport_client::Error) -> Failure {
    Failure(StatusCode::INTERNAL_SERVER_ERROR, error.with_hint())
}

fn shown(one: &Summary) -> Value {
    json!({
        "key": one.key,
        "url": shown_url(&one.server),
        "issuer": shown_url(&one.issuer),
        "signed_in": one.signed_in,
        "expires_at": one.expires_at,
        "renews": one.renews,
        "scopes": one.scopes,
        "headers": one.headers,
        "resource": one.resource.as_deref().map(shown_url),
        "in_keyring": one.in_keyring,
    })
}

/// Lists the stored sign-ins.
pub(super) async fn list(Shared(state): AppState) -> Result<Response, Failure> {
    let all = state.store().list().map_err(|error| failed(&error))?;
    let all: Vec<Value> = all.iter().map(shown).collect();
    Ok(Json(all).into_response())
}

/// The stored sign-in of the current target.
fn current(state: &State, target: &Target) -> Option<Summary> {
    let url = parse_url(target.url()?).ok()?;
    let mut names: Vec<String> = lower(target.header_names().iter().copied());
    names.sort();
    state.store().list().ok()?.into_iter().find(|one| {
        let mut own = lower(one.headers.iter().map(String::as_str));
        own.sort();
        one.server == url.as_str() && own == names
    })
}

fn lower<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.map(str::to_ascii_lowercase).collect()
}

/// Shows the sign-in of the current target: its log, what was granted, and what the token says. The
/// token's text is not part of it.
pub(super) async fn show(Shared(state): AppState) -> Result<Response, Failure> {
    let target = state.target();
    let summary = target.as_ref().and_then(|target| current(&state, target));
    let signed_in = summary.as_ref().is_some_and(|one| one.signed_in);
    let token = match state.live() {
        Ok((live, _)) if signed_in => live.connection.token().await.ok().flatten(),
        _ => None,
    };
    let token = token.map(|token| {
        json!({ "header": masked(&state, token.header), "claims": masked(&state, token.claims) })
    });
    Ok(Json(json!({
        "log": state.sign_in_log(),
        "summary": summary.as_ref().map(shown),
        "token": token,
    }))
    .into_response())
}

/// A part of the token without the header values of the user.
fn masked(state: &State, value: Option<Value>) -> Option<Value> {
    let text = state.masked(&value?.to_string());
    serde_json::from_str(&text).ok()
}

/// Replaces the token by a refresh, or by a sign-in.
pub(super) async fn refresh(Shared(state): AppState) -> Result<StatusCode, Failure> {
    let (live, _) = state.live()?;
    live.connection.refresh_token().await.map_err(|error| {
        Failure(
            StatusCode::UNPROCESSABLE_ENTITY,
            state.masked(&error.with_hint()),
        )
    })?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOut {
    /// The key of a stored sign-in.
    key: String,
}

/// Ends a stored sign-in: revokes its tokens at the server, and deletes them here.
pub(super) async fn sign_out(Shared(state): AppState, body: Bytes) -> Result<Response, Failure> {
    let wanted: SignOut = parse(&body)?;
    let all = state.store().list().map_err(|error| failed(&error))?;
    let Some(summary) = all.into_iter().find(|one| one.key == wanted.key) else {
        let message = "this sign-in is no longer stored".to_owned();
        return Err(Failure(StatusCode::NOT_FOUND, message));
    };
    let target = state.target();
    let own = target.as_ref().and_then(|target| current(&state, target));
    let is_current = own.is_some_and(|own| own.key == summary.key);
    let http = HttpOptions {
        observer: Some(state.recorder()),
        ..HttpOptions::default()
    };
    let user = person(&state, Arc::new(NoBrowser));
    let outcome = log_out(http, state.store(), &summary, &user)
        .await
        .map_err(|error| failed(&error))?;
    if is_current {
        // The connection still holds the token.
        state.disconnect();
    }
    let outcome = match outcome {
        Some(LoggedOut::Revoked) => "revoked",
        _ => "deleted",
    };
    Ok(Json(json!({ "outcome": outcome })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    on: bool,
}

/// Holds sign-ins before each step, or no longer does.
pub(super) async fn hold(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: Hold = parse(&body)?;
    state.holds().switch(wanted.on);
    state.changed();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Continue {
    /// The number of the step that waits.
    number: u64,
}

/// Continues a sign-in that is held.
pub(super) async fn continue_step(
    Shared(state): AppState,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let wanted: Continue = parse(&body)?;
    if !state.holds().release(wanted.number) {
        let message = "this step does not wait any more".to_owned();
        return Err(Failure(StatusCode::NOT_FOUND, message));
    }
    Ok(StatusCode::NO_CONTENT)
}
