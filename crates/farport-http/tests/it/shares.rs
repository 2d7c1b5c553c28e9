//! A flood only affects its sender.

use std::{net::IpAddr, sync::Arc, time::Duration};

use farport_core::{MemorySessions, SessionLimits};
use farport_http::{Body, Limits};
use http::{Request, Response, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{Fixture, next, post};

fn fixture(most: usize, limits: Limits) -> Fixture {
    let sessions = SessionLimits {
        most,
        ..SessionLimits::default()
    };
    Fixture::limited(Arc::new(MemorySessions::new(sessions)), limits)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn opening() -> String {
    let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "tester", "version": "1" } } });
    opening.to_string()
}

async fn open(fixture: &Fixture, from: &str) -> Response<Body> {
    fixture
        .send_from(Some(address(from)), post(), &opening())
        .await
}

fn id(opened: &Response<Body>) -> String {
    opened.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_sessions_does_not_end_another_client_s_session() {
    let limits = Limits {
        sessions_per_minute: 0,
        ..Limits::default()
    };
    let fixture = fixture(50, limits);
    let alice = id(&open(&fixture, "192.0.2.1").await);
    let mut listening = fixture.listen(&alice, None).await.into_body();
    next(&mut listening).await.unwrap();
    let idle = id(&open(&fixture, "192.0.2.2").await);
    for number in 0..500 {
        // All in one network.
        let from = format!("2001:db8::{number:x}");
        assert_eq!(open(&fixture, &from).await.status(), StatusCode::OK);
        assert!(fixture.server.alive() <= 51);
    }
    assert!(fixture.has(&alice).await && fixture.has(&idle).await);
    fixture.notify(&alice, "notifications/x").await;
    assert!(
        next(&mut listening)
            .await
            .unwrap()
            .contains("notifications/x")
    );
}

#[tokio::test(start_paused = true)]
async fn opening_sessions_is_limited_per_network_and_user() {
    let limits = Limits {
        sessions_per_minute: 30,
        ..Limits::default()
    };
    let fixture = fixture(1000, limits);
    for number in 0..40 {
        let from = format!("2001:db8::{number:x}");
        let opened = open(&fixture, &from).await;
        let expect = if number < 30 {
            StatusCode::OK
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        assert_eq!(opened.status(), expect, "{number}");
        if number >= 30 {
            assert!(opened.headers().contains_key("retry-after"));
        }
    }
    let sse = || Request::get("/sse").header("accept", "text/event-stream");
    let from = Some(address("2001:db8::1"));
    let refused = fixture.send_from(from, sse(), "").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open(&fixture, "192.0.2.1").await.status(), StatusCode::OK);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(open(&fixture, "2001:db8::1").await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn one_legacy_connection_too_many_ends_the_oldest_of_the_largest_share() {
    let limits = Limits {
        legacy_connections: 3,
        ..Limits::default()
    };
    let fixture = fixture(1000, limits);
    let sse = async |from: &str| {
        let get = Request::get("/sse").header("accept", "text/event-stream");
        let opened = fixture.send_from(Some(address(from)), get, "").await;
        assert_eq!(opened.status(), StatusCode::OK);
        let mut body = opened.into_body();
        assert!(next(&mut body).await.unwrap().contains("endpoint"));
        body
    };
    let mut alice = sse("192.0.2.1").await;
    let mut bobs = Vec::new();
    for _ in 0..10 {
        bobs.push(sse("192.0.2.2").await);
    }
    for (number, body) in bobs.iter_mut().enumerate() {
        let keeps_alive = next(body).await.is_some();
        assert_eq!(keeps_alive, number >= 8, "{number}");
    }
    assert!(next(&mut alice).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn one_open_stream_too_many_ends_the_oldest_of_the_largest_share() {
    let limits = Limits {
        streams: 3,
        ..Limits::default()
    };
    let fixture = fixture(1000, limits);
    let listen = async |from: &str| {
        let session = id(&open(&fixture, from).await);
        let get = Request::get("/mcp")
            .header("accept", "text/event-stream")
            .header("mcp-session-id", &session);
        let opened = fixture.send_from(Some(address(from)), get, "").await;
        let mut body = opened.into_body();
        assert!(next(&mut body).await.unwrap().contains("retry"));
        body
    };
    let mut alice = listen("192.0.2.1").await;
    let mut bobs = Vec::new();
    for _ in 0..10 {
        bobs.push(listen("192.0.2.2").await);
    }
    for (number, body) in bobs.iter_mut().enumerate() {
        let keeps_alive = next(body).await.is_some();
        assert_eq!(keeps_alive, number >= 8, "{number}");
    }
    assert!(next(&mut alice).await.is_some());
}
