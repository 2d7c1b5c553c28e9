//! Shutdown of a server.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::{
    client::{modern, modern_call, request, text, tool},
    events::Next,
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

/// Less than the grace period of running calls.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn streams_end_cleanly_and_the_server_stops_at_once() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let mut streams = Vec::new();
        for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
            let client = server.client(version).await;
            streams.push(client.listen(None).await.events());
        }
        streams.push(Ask::get("/sse").to(server.address).await.events());
        let mut subscribed = Vec::new();
        if kind == Kind::Talkative {
            let wanted = json!({ "notifications": { "toolsListChanged": true } });
            let ask = modern(1, "subscriptions/listen", wanted);
            let mut events = ask.to(server.address).await.events();
            events.message().await;
            subscribed.push(events);
        }
        // Idle connections do not delay shutdown.
        let mut idle = Wire::connect(server.address).await;
        idle.send(Ask::get("/health").bytes()).await;
        let (_, idle) = soon(idle.response()).await.unwrap().whole().await;
        let stopped = server.stop();
        for mut events in streams {
            loop {
                match soon(events.next()).await {
                    Next::Event(event) => assert!(event.is_priming() || event.name == "endpoint"),
                    Next::End => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        for mut events in subscribed {
            assert_eq!(events.rest().await.len(), 1);
        }
        assert!(soon(idle.closes()).await);
        timeout(AT_ONCE, stopped).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn running_calls_finish() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let shop = server.shop.clone();
        let client = server.client("2025-11-25").await;
        let call = request(1, "tools/call", tool("wait", json!({ "text": "session" })));
        let session = tokio::spawn(client.posting(&call).sent_to(server.address));
        let call = modern_call(1, "wait", json!({ "text": "modern" }));
        let modern = tokio::spawn(call.sent_to(server.address));
        let mut streaming = client
            .stream_progress(1, "gated", json!({ "text": "stream" }))
            .await;
        streaming.message().await;
        for name in ["session", "modern", "stream"] {
            shop.has_seen(&format!("began {name}")).await;
        }
        let (address, stopped) = (server.address, server.stop());
        // It accepts no more connections.
        soon(async {
            while tokio::net::TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(!stopped.is_finished());
        for name in ["session", "modern", "stream"] {
            shop.open(name);
        }
        assert_eq!(text(&session.await.unwrap().json().await), "session");
        assert_eq!(text(&modern.await.unwrap().json().await), "modern");
        let rest = streaming.rest().await;
        assert_eq!(text(&rest.last().unwrap().message()), "stream");
        timeout(AT_ONCE, stopped).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_connection_accepts_no_second_request_during_shutdown() {
    let server = start(Kind::Quiet).await;
    let shop = server.shop.clone();
    let mut wire = Wire::connect(server.address).await;
    wire.send(modern_call(1, "wait", json!({ "text": "x" })).bytes())
        .await;
    shop.has_seen("began x").await;
    let stopped = server.stop();
    shop.open("x");
    let response = soon(wire.response()).await.unwrap();
    assert_eq!(response.header("connection"), Some("close"));
    let (_, wire) = response.whole().await;
    assert!(soon(wire.closes()).await);
    timeout(AT_ONCE, stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_server_does_not_wait_for_a_silent_connection() {
    let server = start(Kind::Quiet).await;
    let silent = Wire::connect(server.address).await;
    assert_eq!(Ask::get("/health").status(server.address).await, 200);
    let stopped = server.stop();
    timeout(AT_ONCE, stopped).await.unwrap().unwrap().unwrap();
    drop(silent);
}
