//! How long sessions and streams are kept.

use std::{sync::Arc, time::Duration};

use farport_core::{MemorySessions, SessionLimits};
use farport_http::{Limits, McpService};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::house::{House, next};

const MINUTE: Duration = Duration::from_secs(60);

/// By then whoever tidies has come by.
const SWEPT: Duration = McpService::TIDY_EVERY.saturating_add(Duration::from_secs(1));

#[tokio::test(start_paused = true)]
async fn a_session_that_is_idle_for_30_minutes_expires() {
    let house = House::new();
    let (left, used) = (house.open().await, house.open().await);
    assert_eq!(house.server.alive(), 2);
    for _ in 0..20 {
        sleep(29 * MINUTE).await;
        assert!(house.has(&used).await);
    }
    assert!(!house.has(&left).await);
    assert_eq!(house.server.alive(), 1, "and its handler with it");
    sleep(30 * MINUTE).await;
    assert!(!house.has(&used).await);
    sleep(SWEPT).await;
    assert_eq!(house.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_asking_for_what_is_over_keeps_nothing_alive() {
    let house = House::new();
    let over = house.open().await;
    sleep(MINUTE).await;
    let used = house.open().await;
    sleep(29 * MINUTE).await;
    for _ in 0..10 {
        assert!(house.has(&used).await);
        assert!(!house.has(&over).await);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(house.server.alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_listened_to_does_not_expire() {
    let house = House::new();
    let session = house.open().await;
    let mut listening = house.listen(&session, None).await.into_body();
    assert!(next(&mut listening).await.unwrap().contains("retry: "));
    // Somebody has to read, or time would pass in one go.
    let reading = tokio::spawn(async move {
        while let Some(text) = next(&mut listening).await {
            assert_eq!(text, ": keep-alive\n\n");
        }
    });
    sleep(300 * MINUTE).await;
    assert_eq!(house.server.alive(), 1);
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    sleep(29 * MINUTE).await;
    assert_eq!(house.server.alive(), 1);
    sleep(2 * MINUTE).await;
    assert_eq!(house.server.alive(), 0);
    assert!(!house.has(&session).await);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_call_going_on_does_not_expire() {
    let house = Arc::new(House::new());
    let session = house.open().await;
    let (asking, name) = (house.clone(), session.clone());
    let call = tokio::spawn(async move {
        let params = json!({ "texts": [], "gate": "g" });
        asking.ask(&name, 5, "say", params).await.status()
    });
    sleep(300 * MINUTE).await;
    assert_eq!(house.server.alive(), 1);
    house.server.gate("g").add_permits(1);
    assert_eq!(call.await.unwrap(), StatusCode::OK);
    sleep(31 * MINUTE).await;
    assert_eq!(house.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_finished_stream_can_be_come_back_to_for_5_minutes() {
    let house = House::new();
    let session = house.open().await;
    let params = json!({ "texts": ["one", "two"] });
    let mut body = house.ask(&session, 5, "say", params).await.into_body();
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
        (2 * SWEPT, StatusCode::NOT_FOUND),
    ] {
        sleep(wait).await;
        let back = house.listen(&session, Some(first)).await;
        assert_eq!(back.status(), status, "after {wait:?}");
        if status == StatusCode::OK {
            let rest = next(&mut back.into_body()).await.unwrap();
            assert!(
                rest.contains("two") && rest.contains("said") && !rest.contains("one\"}"),
                "{rest}"
            );
        }
    }
    assert!(house.has(&session).await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_finished_is_kept_for_as_long_as_it_takes() {
    let house = House::new();
    let session = house.open().await;
    let params = json!({ "texts": ["one"], "gate": "g" });
    let mut body = house.ask(&session, 5, "say", params).await.into_body();
    let primed = next(&mut body).await.unwrap();
    let id = primed.lines().next().unwrap().strip_prefix("id: ").unwrap();
    drop(body);
    sleep(120 * MINUTE).await;
    house.server.gate("g").add_permits(1);
    let mut back = house.listen(&session, Some(id)).await.into_body();
    let mut rest = String::new();
    while let Some(text) = next(&mut back).await {
        rest.push_str(&text);
    }
    assert_eq!(rest.matches("event: message").count(), 2, "{rest}");
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_ends_the_one_that_was_idle_for_longest() {
    let limits = SessionLimits {
        most: 3,
        ..SessionLimits::default()
    };
    let house = House::with(Arc::new(MemorySessions::new(limits)));
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(house.open().await);
        sleep(Duration::from_secs(1)).await;
    }
    let mut listening = house.listen(&sessions[1], None).await.into_body();
    next(&mut listening).await.unwrap();
    assert!(house.has(&sessions[0]).await);
    for _ in 0..2 {
        sessions.push(house.open().await);
        assert_eq!(house.server.alive(), 3);
    }
    let mut there = Vec::new();
    for session in &sessions {
        there.push(house.has(session).await);
    }
    assert_eq!(there, [true, false, false, true, true]);
    assert_eq!(next(&mut listening).await, None, "its stream has ended");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_sessions_holds_no_more_than_the_most() {
    let limits = SessionLimits {
        most: 100,
        ..SessionLimits::default()
    };
    let house = House::with(Arc::new(MemorySessions::new(limits)));
    for _ in 0..20_000 {
        house.open().await;
        assert!(house.server.alive() <= 101);
    }
    assert_eq!(house.server.alive(), 100);
}

#[tokio::test(start_paused = true)]
async fn there_are_as_many_older_streams_as_may_be_and_each_makes_room_when_it_goes() {
    let store = Arc::new(MemorySessions::new(SessionLimits::default()));
    let limits = Limits {
        legacy_connections: 2,
        ..Limits::default()
    };
    let house = House::limited(store, limits);
    let open = async || {
        let sse = http::Request::get("/sse").header("accept", "text/event-stream");
        house.send(sse, "").await
    };
    let (one, two) = (open().await, open().await);
    assert_eq!(
        (one.status(), two.status()),
        (StatusCode::OK, StatusCode::OK)
    );
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(one);
    assert_eq!(open().await.status(), StatusCode::OK);
}
