//! A panic in a handler is an error of its call only.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::support::{
    client::{SESSIONS, initialize, modern, modern_call, request, text, tool},
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

#[tokio::test]
async fn a_panic_in_a_tool_is_an_error_of_its_call() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            for meta in [json!({}), json!({ "progressToken": 1 })] {
                let mut params = tool("panic", json!({}));
                params["_meta"] = meta;
                let panicked = client.post(&request(1, "tools/call", params)).await;
                let answer = panicked.json().await;
                assert_eq!(answer["error"]["code"], -32603, "{version}");
                assert_eq!(answer["id"], 1);
                assert!(
                    !answer.to_string().contains("a panic on purpose"),
                    "{answer}"
                );
                // The session continues, and the id can be used again.
                let params = tool("echo", json!({ "text": "x" }));
                let next = client.post(&request(1, "tools/call", params)).await;
                assert_eq!(text(&next.json().await), "x");
            }
        }
        let mut params = tool("panic", json!({}));
        params["_meta"] = json!({ "progressToken": 1 });
        for ask in [
            modern_call(1, "panic", json!({})),
            modern(1, "tools/call", params),
        ] {
            let answer = ask.to(server.address).await;
            assert_eq!(answer.error_code().await, -32603);
        }
    }
}

#[tokio::test]
async fn a_panic_does_not_affect_the_connection_or_the_batch() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-03-26").await;
    let batch = json!([
        request(1, "tools/call", tool("panic", json!({}))),
        request(2, "tools/call", tool("echo", json!({ "text": "x" }))),
    ]);
    let answers = client.post(&batch).await.json().await;
    assert_eq!(answers[0]["error"]["code"], -32603);
    assert_eq!(text(&answers[1]), "x");
    let mut wire = Wire::connect(server.address).await;
    for (tool, status) in [("panic", 200), ("echo", 200), ("panic", 200), ("echo", 200)] {
        wire.send(modern_call(1, tool, json!({})).bytes()).await;
        let response = soon(wire.response()).await.unwrap();
        assert_eq!(response.status, status);
        (_, wire) = response.whole().await;
    }
}

#[tokio::test]
async fn a_panic_in_the_factory_is_an_error_of_its_request() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    server.shop.closed.store(true, Ordering::SeqCst);
    let opening = Ask::post("/mcp").json(&initialize("2025-06-18", json!({})));
    for ask in [opening.clone(), modern_call(0, "echo", json!({}))] {
        let failed = ask.to(server.address).await;
        assert_eq!(failed.status, 500);
        assert_eq!(failed.header("mcp-session-id"), None);
        let body = failed.json().await;
        assert_eq!(
            (&body["error"]["code"], &body["id"]),
            (&json!(-32603), &json!(0))
        );
    }
    // Open sessions require no new handler.
    assert_eq!(client.call("echo", json!({})).await.status, 200);
    server.shop.closed.store(false, Ordering::SeqCst);
    assert_eq!(opening.status(server.address).await, 200);
}
