//! Following the changes of a resource.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;

use super::{AppState, Failure, parse};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    uri: String,
    /// Whether to follow the resource.
    on: bool,
}

/// Follows a resource, or no longer does.
pub(super) async fn subscribe(Shared(state): AppState, body: Bytes) -> Result<StatusCode, Failure> {
    let wanted: Subscribe = parse(&body)?;
    let (live, _) = state.live()?;
    let set = live
        .subscriptions
        .set(&live.connection, &wanted.uri, wanted.on);
    set.await.map_err(|refused| {
        let message = state.masked(&refused.to_string());
        Failure(StatusCode::UNPROCESSABLE_ENTITY, message)
    })?;
    state.changed();
    Ok(StatusCode::NO_CONTENT)
}
