//! Calls wait for the handler to see `notifications/initialized`, for at most a second.

use std::{sync::Arc, time::Duration};

use farport_http::Body;
use http::Response;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, post};

const INITIALIZED: &str = "notifications/initialized";

/// Sends a call, as one message and as a batch.
async fn call(fixture: &Fixture, session: &str, batched: bool) -> Response<Body> {
    let message = json!({ "jsonrpc": "2.0", "id": 5, "method": "say", "params": { "texts": [] } });
    let body = if batched { json!([message]) } else { message };
    fixture
        .send(post().header("mcp-session-id", session), &body.to_string())
        .await
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_the_handler_has_seen_initialized() {
    for (takes, waits) in [(0, 0), (300, 300), (999, 999), (5_000, 1_000)] {
        for batched in [false, true] {
            let fixture = Arc::new(Fixture::new());
            let session = fixture.open_as("2025-03-26").await;
            let began = Instant::now();
            let gate = json!({ "gate": "initialized" });
            fixture.notify_with(&session, INITIALIZED, gate).await;
            assert_eq!(
                began.elapsed(),
                Duration::ZERO,
                "the notification is accepted at once"
            );
            let opener = fixture.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(takes)).await;
                opener.server.gate("initialized").add_permits(1);
            });
            call(&fixture, &session, batched).await;
            assert_eq!(
                began.elapsed(),
                Duration::from_millis(waits),
                "{takes} {batched}"
            );
            // The next one does not wait again.
            call(&fixture, &session, batched).await;
            assert_eq!(
                began.elapsed(),
                Duration::from_millis(waits),
                "{takes} {batched}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_another_notification_or_session() {
    let fixture = Fixture::new();
    let [session, other] = [fixture.open().await, fixture.open().await];
    let gate = || json!({ "gate": "never" });
    fixture.notify_with(&other, INITIALIZED, gate()).await;
    let changed = "notifications/roots/list_changed";
    fixture.notify_with(&session, changed, gate()).await;
    let began = Instant::now();
    call(&fixture, &session, false).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_can_be_cancelled() {
    let fixture = Arc::new(Fixture::new());
    let session = fixture.open().await;
    let gate = json!({ "gate": "never" });
    fixture.notify_with(&session, INITIALIZED, gate).await;
    let began = Instant::now();
    let (caller, id) = (fixture.clone(), session.clone());
    let waiting = tokio::spawn(async move { call(&caller, &id, false).await });
    sleep(Duration::from_millis(100)).await;
    let cancelled = json!({ "requestId": 5 });
    fixture
        .notify_with(&session, "notifications/cancelled", cancelled)
        .await;
    waiting.await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(100));
}
