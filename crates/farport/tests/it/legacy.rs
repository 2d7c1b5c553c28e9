//! HTTP+SSE of 2024-11-05: one stream from the server, and POSTs from the client.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{
    client::{Client, initialize, modern_call, notification, request, text, tool},
    events::{Event, Events, Next},
    http::{Ask, Response},
    server::{Running, start},
    soon,
    workshop::{Kind, LEVELS},
};

const VERSION: &str = "2024-11-05";

pub(crate) struct Legacy {
    address: SocketAddr,
    endpoint: String,
    pub(crate) events: Events,
}

impl Legacy {
    /// Opens a stream without a session.
    async fn connect(address: SocketAddr) -> Self {
        let response = Ask::get("/sse").to(address).await;
        assert_eq!(response.header("x-accel-buffering"), Some("no"));
        let mut events = response.events();
        let first = events.event().await;
        assert_eq!(first.name, "endpoint");
        Self {
            address,
            endpoint: first.data,
            events,
        }
    }

    pub(crate) async fn open(address: SocketAddr, capabilities: Value) -> Self {
        let mut legacy = Self::connect(address).await;
        legacy.say(&initialize(VERSION, capabilities)).await;
        let opened = legacy.events.message().await;
        assert_eq!(opened["result"]["protocolVersion"], VERSION);
        let initialized = notification("notifications/initialized", json!({}));
        legacy.say(&initialized).await;
        legacy
    }

    async fn post(&self, message: &Value) -> Response {
        let ask = Ask::post(&self.endpoint).with("accept", "*/*");
        ask.json(message).to(self.address).await
    }

    /// Posts a message, which the server accepts.
    async fn say(&self, message: &Value) {
        let taken = self.post(message).await;
        assert_eq!(taken.status, 202);
        assert_eq!(taken.text().await, "Accepted");
    }

    pub(crate) async fn call(&mut self, id: impl Into<Value>, name: &str, arguments: Value) {
        let call = request(id, "tools/call", tool(name, arguments));
        self.say(&call).await;
    }
}

async fn session(kind: Kind) -> (Running, Legacy) {
    let server = start(kind).await;
    let legacy = Legacy::open(server.address, json!({})).await;
    (server, legacy)
}

#[tokio::test]
async fn the_first_event_has_the_url_for_messages() {
    let server = start(Kind::Quiet).await;
    let (one, other) = (
        Legacy::connect(server.address).await,
        Legacy::connect(server.address).await,
    );
    for legacy in [&one, &other] {
        assert!(legacy.endpoint.starts_with("/sse/message?sessionId="));
    }
    assert_ne!(one.endpoint, other.endpoint);
}

#[tokio::test]
async fn the_response_to_a_post_is_on_the_stream() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let (_server, mut legacy) = session(kind).await;
        for id in [json!(1), json!("one"), json!(0)] {
            legacy
                .call(id.clone(), "echo", json!({ "text": "x" }))
                .await;
            let event = legacy.events.message_event().await;
            assert_eq!(event.id, None, "there is nothing to come back to");
            assert_eq!(event.message()["id"], id);
            assert_eq!(text(&event.message()), "x");
        }
        legacy.say(&request(2, "no/such", json!({}))).await;
        assert_eq!(legacy.events.message().await["error"]["code"], -32601);
        legacy.say(&request(3, "ping", json!({}))).await;
        assert_eq!(legacy.events.message().await["result"], json!({}));
    }
}

#[tokio::test]
async fn a_legacy_client_negotiates_a_revision() {
    let server = start(Kind::Quiet).await;
    for (asked, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-06-18", "2025-06-18"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let mut legacy = Legacy::connect(server.address).await;
        legacy.say(&initialize(asked, json!({}))).await;
        let opened = legacy.events.message().await;
        assert_eq!(opened["result"]["protocolVersion"], given);
        legacy.call(1, "client", json!({})).await;
        let reported = legacy.events.message().await;
        assert!(text(&reported).contains(given), "{reported}");
    }
}

#[tokio::test]
async fn a_session_opens_once_and_first() {
    let server = start(Kind::Quiet).await;
    let mut legacy = Legacy::connect(server.address).await;
    legacy.say(&request(1, "tools/list", json!({}))).await;
    let early = legacy.events.message().await;
    assert_eq!(
        (&early["id"], &early["error"]["code"]),
        (&json!(1), &json!(-32600))
    );
    for expect in [true, false] {
        legacy.say(&initialize(VERSION, json!({}))).await;
        let answer = legacy.events.message().await;
        assert_eq!(answer.get("result").is_some(), expect, "{answer}");
    }
    legacy.call(2, "echo", json!({ "text": "x" })).await;
    assert_eq!(text(&legacy.events.message().await), "x");
    drop(legacy);
    server.shop.shrinks_to(0).await;
}

#[tokio::test]
async fn a_post_to_an_unknown_stream_is_refused() {
    let (server, legacy) = session(Kind::Quiet).await;
    let ping = request(1, "ping", json!({}));
    let streamable = server.client("2025-06-18").await;
    for (path, status) in [
        ("/sse/message".to_owned(), 400),
        ("/sse/message?session=x".to_owned(), 400),
        ("/sse/message?sessionId=".to_owned(), 404),
        ("/sse/message?sessionId=x".to_owned(), 404),
        (format!("{}0", legacy.endpoint), 404),
        (
            legacy
                .endpoint
                .to_uppercase()
                .replace("/SSE/MESSAGE?SESSIONID", "/sse/message?sessionId"),
            404,
        ),
        // A session of the other transport is unknown here.
        (
            format!("/sse/message?sessionId={}", streamable.session),
            404,
        ),
    ] {
        if path == legacy.endpoint {
            continue;
        }
        let refused = Ask::post(&path).json(&ping).to(server.address).await;
        assert_eq!(refused.status, status, "{path}");
    }
    // The reverse is also true.
    let (_, id) = legacy.endpoint.split_once('=').unwrap();
    let elsewhere = Ask::post("/mcp").with("mcp-session-id", id).json(&ping);
    assert_eq!(elsewhere.status(server.address).await, 404);
}

#[tokio::test]
async fn an_invalid_message_is_refused_in_the_response() {
    let (server, legacy) = session(Kind::Quiet).await;
    for (body, code) in [
        ("{", -32700),
        ("{}", -32600),
        ("[]", -32600),
        ("[1]", -32600),
    ] {
        let refused = Ask::post(&legacy.endpoint)
            .body(body)
            .to(server.address)
            .await;
        assert_eq!(refused.status, 400, "{body}");
        assert_eq!(refused.error_code().await, code, "{body}");
    }
    let large = Ask::post(&legacy.endpoint).body(vec![b' '; (4 << 20) + 1]);
    assert_eq!(large.status(server.address).await, 413);
}

#[tokio::test]
async fn progress_and_log_messages_come_before_the_response() {
    let (_server, mut legacy) = session(Kind::Talkative).await;
    let mut params = tool("steps", json!({ "text": "x", "count": 3 }));
    params["_meta"] = json!({ "progressToken": "p" });
    legacy.say(&request(1, "tools/call", params)).await;
    for step in 1..=3 {
        let report = legacy.events.message().await;
        assert_eq!(report["params"]["message"], format!("x-{step}"));
        assert_eq!(report["params"]["progressToken"], "p");
    }
    assert_eq!(text(&legacy.events.message().await), "x");
    legacy
        .say(&request(2, "logging/setLevel", json!({ "level": "error" })))
        .await;
    assert_eq!(legacy.events.message().await["id"], 2);
    legacy.call(3, "log", json!({ "text": "x" })).await;
    for (level, _) in &LEVELS[4..] {
        assert_eq!(legacy.events.message().await["params"]["level"], *level);
    }
    assert_eq!(legacy.events.message().await["id"], 3);
}

#[tokio::test]
async fn the_client_receives_requests() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let able = json!({ "sampling": {}, "roots": {}, "elicitation": {} });
        let mut legacy = Legacy::open(server.address, able).await;
        legacy.call(1, "sample", json!({ "text": "what?" })).await;
        let asked = legacy.events.message().await;
        assert_eq!(asked["method"], "sampling/createMessage");
        let result = json!({ "role": "assistant", "model": "m",
            "content": { "type": "text", "text": "a poem" } });
        legacy
            .say(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
            .await;
        let answer = legacy.events.message().await;
        assert!(text(&answer).contains("a poem"), "{answer}");
        // Also outside of a call: one stream carries all messages.
        let changed = notification("notifications/roots/list_changed", json!({}));
        legacy.say(&changed).await;
        let asked = legacy.events.message().await;
        assert_eq!(asked["method"], "roots/list");
        legacy
            .say(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "roots": [] } }))
            .await;
        server.shop.has_seen(r#"roots {"roots":[]}"#).await;
    }
}

#[tokio::test]
async fn the_stream_reports_changes() {
    let (server, mut legacy) = session(Kind::Talkative).await;
    server.shop.has_seen("initialized").await;
    legacy.call(1, "announce", json!({})).await;
    let heard = [legacy.events.message().await, legacy.events.message().await];
    assert!(
        heard
            .iter()
            .any(|message| message["method"] == "notifications/tools/list_changed")
    );
    assert!(heard.iter().any(|message| message["id"] == 1));
}

#[tokio::test]
async fn a_slow_call_delays_no_other() {
    let (server, mut legacy) = session(Kind::Quiet).await;
    legacy.call(1, "wait", json!({ "text": "slow" })).await;
    legacy.call(2, "echo", json!({ "text": "quick" })).await;
    assert_eq!(text(&legacy.events.message().await), "quick");
    server.shop.open("slow");
    assert_eq!(text(&legacy.events.message().await), "slow");
}

#[tokio::test]
async fn a_cancelled_call_gets_no_response() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let (server, mut legacy) = session(kind).await;
        legacy.call(1, "wait", json!({ "text": "x" })).await;
        server.shop.has_seen("began x").await;
        let cancelled = notification("notifications/cancelled", json!({ "requestId": 1 }));
        legacy.say(&cancelled).await;
        server.shop.has_seen("cancelled x").await;
        legacy.call(2, "echo", json!({ "text": "next" })).await;
        assert_eq!(text(&legacy.events.message().await), "next");
    }
}

#[tokio::test]
async fn a_client_that_disconnects_ends_its_session() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let (server, mut legacy) = session(kind).await;
        legacy.call(1, "wait", json!({ "text": "x" })).await;
        server.shop.has_seen("began x").await;
        let (address, endpoint) = (legacy.address, legacy.endpoint.clone());
        drop(legacy);
        server.shop.has_seen("cancelled x").await;
        server.shop.shrinks_to(0).await;
        let ping = Ask::post(&endpoint).json(&request(2, "ping", json!({})));
        assert_eq!(ping.status(address).await, 404);
    }
}

#[tokio::test]
async fn streams_are_separate() {
    let server = start(Kind::Talkative).await;
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(Legacy::open(server.address, json!({})).await);
    }
    for (index, legacy) in all.iter_mut().enumerate() {
        legacy
            .call(1, "echo", json!({ "text": index.to_string() }))
            .await;
    }
    for (index, legacy) in all.iter_mut().enumerate() {
        assert_eq!(text(&legacy.events.message().await), index.to_string());
    }
}

#[tokio::test]
async fn all_transports_are_served_side_by_side() {
    let (server, mut legacy) = session(Kind::Talkative).await;
    let client: Client = server.client("2025-11-25").await;
    legacy.call(1, "echo", json!({ "text": "legacy" })).await;
    let session = client.call("echo", json!({ "text": "session" })).await;
    let modern = modern_call(1, "echo", json!({ "text": "modern" }));
    let modern = modern.to(server.address).await;
    assert_eq!(text(&modern.json().await), "modern");
    assert_eq!(text(&session.json().await), "session");
    assert_eq!(text(&legacy.events.message().await), "legacy");
}

#[tokio::test]
async fn a_batch_is_accepted_if_the_revision_has_batches() {
    let server = start(Kind::Quiet).await;
    let batch = json!([
        request(1, "tools/call", tool("echo", json!({ "text": "one" }))),
        17,
        request(2, "tools/call", tool("echo", json!({ "text": "two" }))),
    ]);
    let mut legacy = Legacy::connect(server.address).await;
    legacy.say(&initialize("2025-03-26", json!({}))).await;
    legacy.events.message().await;
    legacy.say(&batch).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(legacy.events.message().await);
    }
    for id in [json!(1), json!(2), Value::Null] {
        assert_eq!(
            answers.iter().filter(|answer| answer["id"] == id).count(),
            1
        );
    }
    let legacy = Legacy::open(server.address, json!({})).await;
    let refused = legacy.post(&batch).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error_code().await, -32600);
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_stream_but_no_response_before() {
    let (server, mut legacy) = session(Kind::Quiet).await;
    let large = "x".repeat(1 << 20);
    let mut asked = 0;
    // More than the socket and the stream can buffer together.
    for id in 0..32 {
        let call = request(id, "tools/call", tool("echo", json!({ "text": large })));
        match legacy.post(&call).await.status {
            202 => asked += 1,
            404 => break,
            other => panic!("{other}"),
        }
    }
    let mut answered = Vec::new();
    loop {
        match soon(legacy.events.next()).await {
            Next::Event(event @ Event { .. }) => answered.push(event.message()["id"].clone()),
            Next::Comment(_) => {}
            Next::End | Next::Cut => break,
        }
    }
    assert!(answered.len() < asked, "{} of {asked}", answered.len());
    // The events that arrived have no gap.
    let expect: Vec<_> = (0..answered.len()).map(Value::from).collect();
    assert_eq!(answered, expect);
    server.shop.shrinks_to(0).await;
}
