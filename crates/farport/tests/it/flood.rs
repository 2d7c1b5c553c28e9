//! More than the limits: the server drops the oldest, and memory does not grow.

use serde_json::json;

use crate::support::{
    client::{Client, initialize, request, tool},
    http::{Ask, Wire},
    server::{start, start_with},
    soon,
    workshop::Kind,
};

/// The default limit on sessions.
const MOST: usize = 10_000;

/// The limit on running calls of one session.
const MOST_CALLS: usize = 1_024;

#[tokio::test]
async fn a_full_server_closes_the_session_that_was_idle_longest() {
    let server = start_with(Kind::Quiet, |server| server.sessions_per_minute(0)).await;
    let idle = Client::open(server.address, "2025-06-18").await;
    let used = Client::open(server.address, "2025-06-18").await;
    let opening = Ask::post("/mcp")
        .json(&initialize("2025-06-18", json!({})))
        .bytes();
    let mut wire = Wire::connect(server.address).await;
    for number in 2..MOST + 500 {
        if number == MOST {
            assert_eq!(server.shop.alive(), MOST);
            assert_eq!(used.call("echo", json!({})).await.status, 200);
        }
        wire.send(&opening).await;
        let opened = soon(wire.response()).await.unwrap();
        assert_eq!(opened.status, 200);
        (_, wire) = opened.whole().await;
    }
    // Each session has one handler, so there are as many handlers as sessions.
    server.shop.shrinks_to(MOST).await;
    assert_eq!(idle.call("echo", json!({})).await.status, 404);
    assert_eq!(used.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_session_with_too_many_streams_drops_the_oldest() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    let mut firsts = Vec::new();
    for _ in 0..40 {
        let mut events = client.stream_progress(1, "steps", json!({})).await;
        firsts.push(events.message_event().await.id.unwrap());
        events.rest().await;
    }
    for (number, first) in firsts.iter().enumerate() {
        let status = client.listen(Some(first)).await.status;
        assert_eq!(status, if number < 8 { 404 } else { 200 }, "{number}");
    }
}

#[tokio::test]
async fn the_running_calls_of_a_session_are_limited() {
    let server = start(Kind::Quiet).await;
    let mut stream = Ask::get("/sse").to(server.address).await.events();
    let endpoint = stream.event().await.data;
    let mut wire = Wire::connect(server.address).await;
    let mut messages = vec![initialize("2024-11-05", json!({}))];
    for id in 1..=MOST_CALLS + 10 {
        messages.push(request(
            id,
            "tools/call",
            tool("wait", json!({ "text": "x" })),
        ));
    }
    for message in messages {
        wire.send(Ask::post(&endpoint).json(&message).bytes()).await;
        let taken = soon(wire.response()).await.unwrap();
        assert_eq!(taken.status, 202);
        (_, wire) = taken.whole().await;
    }
    assert!(stream.message().await.get("result").is_some());
    for id in MOST_CALLS + 1..=MOST_CALLS + 10 {
        let refused = stream.message().await;
        assert_eq!(refused["id"], id);
        assert_eq!(refused["error"]["code"], -32600);
    }
    for _ in 0..MOST_CALLS {
        server.shop.open("x");
    }
    for _ in 0..MOST_CALLS {
        assert!(stream.message().await.get("result").is_some());
    }
}
