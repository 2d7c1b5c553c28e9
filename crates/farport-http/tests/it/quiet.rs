//! The response to a call without a result becomes an event stream.

use std::{sync::Arc, time::Duration};

use farport_core::{MemorySessions, SessionLimits};
use farport_http::Limits;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, next, post};

const COMMENT: &str = ": keep-alive\n\n";
const QUIET: Duration = Duration::from_secs(10);

/// The kinds of calls.
#[derive(Clone, Copy, Debug)]
enum CallKind {
    Modern,
    /// A modern call whose handler may send messages.
    Progress,
    Session(&'static str),
    Batch,
}

const KINDS: [CallKind; 6] = [
    CallKind::Modern,
    CallKind::Progress,
    CallKind::Session("2025-03-26"),
    CallKind::Session("2025-06-18"),
    CallKind::Session("2025-11-25"),
    CallKind::Batch,
];

impl CallKind {
    async fn call(
        self,
        fixture: &Fixture,
        accept: &str,
        gate: &str,
    ) -> Response<farport_http::Body> {
        let mut params = json!({ "texts": [], "gate": gate });
        let post = || http::Request::post("/mcp").header("accept", accept);
        let message =
            |params| json!({ "jsonrpc": "2.0", "id": 5, "method": "say", "params": params });
        match self {
            Self::Modern | Self::Progress => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                });
                if matches!(self, Self::Progress) {
                    params["_meta"]["progressToken"] = json!(1);
                }
                let request = post()
                    .header("mcp-protocol-version", "2026-07-28")
                    .header("mcp-method", "say");
                fixture.send(request, &message(params).to_string()).await
            }
            Self::Session(version) => {
                let session = fixture.open_as(version).await;
                let request = post().header("mcp-session-id", session);
                fixture.send(request, &message(params).to_string()).await
            }
            Self::Batch => {
                let session = fixture.open_as("2025-03-26").await;
                let request = post().header("mcp-session-id", session);
                let ping = json!({ "jsonrpc": "2.0", "id": 6, "method": "ping" });
                let batch = json!([ping, message(params)]);
                fixture.send(request, &batch.to_string()).await
            }
        }
    }
}

fn content_type(response: &Response<farport_http::Body>) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

async fn rest(response: Response<farport_http::Body>) -> String {
    let mut body = response.into_body();
    let mut text = String::new();
    while let Some(piece) = next(&mut body).await {
        text.push_str(&piece);
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_result_becomes_a_stream_after_10_seconds() {
    for kind in KINDS {
        for accept in [
            "application/json, text/event-stream",
            "text/event-stream",
            "*/*",
        ] {
            let fixture = Fixture::new();
            let began = Instant::now();
            let response = kind.call(&fixture, accept, "g").await;
            assert_eq!(began.elapsed(), QUIET, "{kind:?} {accept}");
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(
                content_type(&response),
                "text/event-stream",
                "{kind:?} {accept}"
            );
            let mut body = response.into_body();
            let first = next(&mut body).await.unwrap();
            let primed = matches!(kind, CallKind::Session("2025-11-25"));
            match primed {
                true => assert!(first.starts_with("id: "), "{kind:?} {first}"),
                // The batch already has the result of its ping.
                false if matches!(kind, CallKind::Batch) => assert!(first.contains(r#""id":6"#)),
                false => assert_eq!(first, COMMENT, "{kind:?}"),
            }
            assert_eq!(
                began.elapsed(),
                QUIET,
                "{kind:?}: the first byte is sent at once"
            );
            // The stream stays open until the handler responds.
            for round in 1..=30 {
                assert_eq!(next(&mut body).await.as_deref(), Some(COMMENT));
                let keep_alive = Limits::default().keep_alive;
                assert_eq!(began.elapsed(), QUIET + keep_alive * round, "{kind:?}");
            }
            fixture.server.gate("g").add_permits(1);
            let answer = next(&mut body).await.unwrap();
            assert!(answer.contains(r#""id":5,"result""#), "{kind:?} {answer}");
            assert_eq!(next(&mut body).await, None, "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_result_in_time_gets_json() {
    for kind in KINDS {
        let fixture = Arc::new(Fixture::new());
        let opener = fixture.clone();
        tokio::spawn(async move {
            sleep(QUIET - Duration::from_millis(1)).await;
            opener.server.gate("g").add_permits(1);
        });
        let response = kind
            .call(&fixture, "application/json, text/event-stream", "g")
            .await;
        assert_eq!(content_type(&response), "application/json", "{kind:?}");
        assert!(
            rest(response).await.contains(r#""id":5,"result""#),
            "{kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_accepts_json_gets_json_after_any_time() {
    for kind in KINDS {
        let fixture = Arc::new(Fixture::new());
        let opener = fixture.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            opener.server.gate("g").add_permits(1);
        });
        let response = kind.call(&fixture, "application/json", "g").await;
        assert_eq!(content_type(&response), "application/json", "{kind:?}");
        assert!(
            rest(response).await.contains(r#""id":5,"result""#),
            "{kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_is_a_setting_and_zero_disables_it() {
    for (quiet, becomes) in [(1, true), (45, true), (0, false)] {
        let limits = Limits {
            quiet_after: Duration::from_secs(quiet),
            ..Limits::default()
        };
        let store = Arc::new(MemorySessions::new(SessionLimits::default()));
        let fixture = Arc::new(Fixture::limited(store, limits));
        let opener = fixture.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            opener.server.gate("g").add_permits(1);
        });
        let began = Instant::now();
        let accept = "application/json, text/event-stream";
        let response = CallKind::Modern.call(&fixture, accept, "g").await;
        let expect = if becomes { quiet } else { 3600 };
        assert_eq!(began.elapsed(), Duration::from_secs(expect), "{quiet}");
        let streams = content_type(&response) == "text/event-stream";
        assert_eq!(streams, becomes, "{quiet}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_call_of_a_session_can_be_resumed() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let params = json!({ "texts": [], "gate": "g" });
    let mut body = fixture.call(&session, 5, "say", params).await.into_body();
    let priming = next(&mut body).await.unwrap();
    let id = priming.lines().find_map(|line| line.strip_prefix("id: "));
    let id = id.unwrap().to_owned();
    // The connection breaks, and the call continues.
    drop(body);
    fixture.server.gate("g").add_permits(1);
    let back = fixture.listen(&session, Some(&id)).await;
    assert_eq!(back.status(), StatusCode::OK);
    assert!(rest(back).await.contains(r#""id":5,"result""#));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_call_ends_with_its_cancellation() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let params = json!({ "texts": [], "gate": "g" });
    let response = fixture.call(&session, 5, "say", params).await;
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": 5 } });
    let request = post().header("mcp-session-id", &session);
    let taken = fixture.send(request, &cancelled.to_string()).await;
    assert_eq!(taken.status(), StatusCode::ACCEPTED);
    assert!(!rest(response).await.contains("result"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_modern_call_is_dropped_with_its_connection() {
    let fixture = Fixture::new();
    let accept = "application/json, text/event-stream";
    let response = CallKind::Modern.call(&fixture, accept, "g").await;
    assert_eq!(fixture.server.alive(), 1);
    drop(response);
    assert_eq!(fixture.server.alive(), 0);
}
