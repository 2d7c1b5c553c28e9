//! `notifications/cancelled` in a session.

use serde_json::{Value, json};

use crate::support::{
    client::{SESSIONS, request, text, tool},
    server::start,
    workshop::Kind,
};

#[tokio::test]
async fn a_cancelled_call_is_notified_and_gets_no_response() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            for id in [json!(41), json!("forty-two")] {
                let name = format!("{version} {id}");
                let call = request(
                    id.clone(),
                    "tools/call",
                    tool("wait", json!({ "text": name })),
                );
                let waiting = tokio::spawn(client.posting(&call).sent_to(server.address));
                server.shop.has_seen(&format!("began {name}")).await;
                let cancelled = json!({ "requestId": id, "reason": "no longer" });
                client.notify("notifications/cancelled", cancelled).await;
                server.shop.has_seen(&format!("cancelled {name}")).await;
                assert_eq!(waiting.await.unwrap().events().rest().await, []);
            }
        }
    }
}

#[tokio::test]
async fn a_streaming_call_is_cancelled_on_its_stream() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    let mut params = tool("watched", json!({ "text": "x" }));
    params["_meta"] = json!({ "progressToken": 1 });
    let mut events = client
        .post(&request(7, "tools/call", params))
        .await
        .events();
    events.message().await;
    client
        .notify("notifications/cancelled", json!({ "requestId": 7 }))
        .await;
    server.shop.has_seen("token of x").await;
    server.shop.open("x");
    assert_eq!(events.rest().await, []);
}

#[tokio::test]
async fn a_cancellation_with_another_id_changes_nothing() {
    let server = start(Kind::Quiet).await;
    let (client, other) = (
        server.client("2025-06-18").await,
        server.client("2025-06-18").await,
    );
    let call = request(1, "tools/call", tool("wait", json!({ "text": "x" })));
    let waiting = tokio::spawn(client.posting(&call).sent_to(server.address));
    server.shop.has_seen("began x").await;
    for params in [
        json!({ "requestId": "1" }),
        json!({ "requestId": 2 }),
        json!({ "requestId": null }),
        json!({}),
        Value::Null,
    ] {
        client.notify("notifications/cancelled", params).await;
    }
    // Another session's request 1 is another request.
    other
        .notify("notifications/cancelled", json!({ "requestId": 1 }))
        .await;
    server.shop.open("x");
    assert_eq!(text(&waiting.await.unwrap().json().await), "x");
    assert!(!server.shop.seen().contains(&"cancelled x".to_owned()));
}

#[tokio::test]
async fn a_call_that_ignores_its_cancellation_delays_no_client() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = server.client("2025-06-18").await;
        let call = request(1, "tools/call", tool("gated", json!({ "text": "deaf" })));
        let waiting = tokio::spawn(client.posting(&call).sent_to(server.address));
        server.shop.has_seen("began deaf").await;
        client
            .notify("notifications/cancelled", json!({ "requestId": 1 }))
            .await;
        assert_eq!(waiting.await.unwrap().events().rest().await, []);
        server.shop.open("deaf");
        server.shop.has_seen("ended deaf").await;
    }
}
