//! The lifetime of sessions and streams.

use std::{sync::Arc, time::Duration};

use farport_core::{MemorySessions, SessionLimits};
use farport_http::{Limits, McpService};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{Fixture, next};

const MINUTE: Duration = Duration::from_secs(60);

/// After this time, the host has called `tidy`.
const TIDIED: Duration = McpService::TIDY_EVERY.saturating_add(Duration::from_secs(1));

#[tokio::test(start_paused = true)]
async fn a_session_that_is_idle_for_30_minutes_expires() {
    let fixture = Fixture::new();
    let (left, used) = (fixture.open().await, fixture.open().await);
    assert_eq!(fixture.server.alive(), 2);
    for _ in 0..20 {
        sleep(29 * MINUTE).await;
        assert!(fixture.has(&used).await);
    }
    assert!(!fixture.has(&left).await);
    assert_eq!(fixture.server.alive(), 1, "its handler is dropped too");
    sleep(30 * MINUTE).await;
    assert!(!fixture.has(&used).await);
    sleep(TIDIED).await;
    assert_eq!(fixture.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_for_an_expired_session_do_not_keep_it_alive() {
    let fixture = Fixture::new();
    let expired = fixture.open().await;
    sleep(MINUTE).await;
    let used = fixture.open().await;
    sleep(29 * MINUTE).await;
    for _ in 0..10 {
        assert!(fixture.has(&used).await);
        assert!(!fixture.has(&expired).await);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(fixture.server.alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_an_open_stream_does_not_expire() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let mut listening = fixture.listen(&session, None).await.into_body();
    assert!(next(&mut listening).await.unwrap().contains("retry: "));
    // Read in a task, so that the virtual clock advances in steps.
    let reading = tokio::spawn(async move {
        while let Some(text) = next(&mut listening).await {
            assert_eq!(text, ": keep-alive\n\n");
        }
    });
    sleep(300 * MINUTE).await;
    assert_eq!(fixture.server.alive(), 1);
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    sleep(29 * MINUTE).await;
    assert_eq!(fixture.server.alive(), 1);
    sleep(2 * MINUTE).await;
    assert_eq!(fixture.server.alive(), 0);
    assert!(!fixture.has(&session).await);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_running_call_does_not_expire() {
    let fixture = Arc::new(Fixture::new());
    let session = fixture.open().await;
    let (asking, name) = (fixture.clone(), session.clone());
    let call = tokio::spawn(async move {
        let params = json!({ "texts": [], "gate": "g" });
        asking.call(&name, 5, "say", params).await.status()
    });
    sleep(300 * MINUTE).await;
    assert_eq!(fixture.server.alive(), 1);
    fixture.server.gate("g").add_permits(1);
    assert_eq!(call.await.unwrap(), StatusCode::OK);
    sleep(31 * MINUTE).await;
    assert_eq!(fixture.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_can_be_resumed_for_5_minutes_after_its_end() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let params = json!({ "texts": ["one", "two"] });
    let mut body = fixture.call(&session, 5, "say", params).await.into_body();
    let mut events = String::new();
    while let Some(text) = next(&mut body).await {
        events.push_str(&text);
    }
    let first = events
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .nth(1)
        .unwrap();
    for (wait, status) in [
        (Duration::ZERO, StatusCode::OK),
        (5 * MINUTE - Duration::from_secs(1), StatusCode::OK),
        (2 * TIDIED, StatusCode::NOT_FOUND),
    ] {
        sleep(wait).await;
        let back = fixture.listen(&session, Some(first)).await;
        assert_eq!(back.status(), status, "after {wait:?}");
        if status == StatusCode::OK {
            let rest = next(&mut back.into_body()).await.unwrap();
            assert!(
                rest.contains("two") && rest.contains("said") && !rest.contains("one\"}"),
                "{rest}"
            );
        }
    }
    assert!(fixture.has(&session).await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_not_ended_can_always_be_resumed() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let params = json!({ "texts": ["one"], "gate": "g" });
    let mut body = fixture.call(&session, 5, "say", params).await.into_body();
    let primed = next(&mut body).await.unwrap();
    let id = primed.lines().next().unwrap().strip_prefix("id: ").unwrap();
    drop(body);
    sleep(120 * MINUTE).await;
    fixture.server.gate("g").add_permits(1);
    let mut back = fixture.listen(&session, Some(id)).await.into_body();
    let mut rest = String::new();
    while let Some(text) = next(&mut back).await {
        rest.push_str(&text);
    }
    assert_eq!(rest.matches("event: message").count(), 2, "{rest}");
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_ends_the_least_recently_used_one_without_a_stream() {
    let limits = SessionLimits {
        most: 3,
        ..SessionLimits::default()
    };
    let fixture = Fixture::with(Arc::new(MemorySessions::new(limits)));
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(fixture.open().await);
        sleep(Duration::from_secs(1)).await;
    }
    let mut listening = fixture.listen(&sessions[1], None).await.into_body();
    next(&mut listening).await.unwrap();
    assert!(fixture.has(&sessions[0]).await);
    for _ in 0..2 {
        sessions.push(fixture.open().await);
        assert_eq!(fixture.server.alive(), 3);
    }
    let mut exists = Vec::new();
    for session in &sessions {
        exists.push(fixture.has(session).await);
    }
    assert_eq!(exists, [false, true, false, true, true]);
    drop(listening);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_sessions_stays_within_the_limit() {
    let limits = SessionLimits {
        most: 100,
        ..SessionLimits::default()
    };
    let store = Arc::new(MemorySessions::new(limits));
    let unlimited = Limits {
        sessions_per_minute: 0,
        ..Limits::default()
    };
    let fixture = Fixture::limited(store, unlimited);
    for _ in 0..20_000 {
        fixture.open().await;
        assert!(fixture.server.alive() <= 101);
    }
    assert_eq!(fixture.server.alive(), 100);
}
