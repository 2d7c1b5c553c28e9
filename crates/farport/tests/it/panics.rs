//! A handler that panics: that call's error, and nothing else's.

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
async fn a_tool_that_panics_is_an_error_of_its_call() {
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
                    !answer.to_string().contains("as it was told to"),
                    "{answer}"
                );
                // The same session and the same id go on.
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
async fn others_on_the_connection_and_in_the_batch_do_not_notice() {
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
async fn a_factory_that_panics_is_an_error_of_its_request() {
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
    // Sessions that are open need no new handler.
    assert_eq!(client.call("echo", json!({})).await.status, 200);
    server.shop.closed.store(false, Ordering::SeqCst);
    assert_eq!(opening.status(server.address).await, 200);
}
