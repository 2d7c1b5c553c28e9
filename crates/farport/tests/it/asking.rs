//! Requests from the server to the client of a session: elicitation, sampling, roots.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{
    client::{Client, SESSIONS, text},
    server::{Running, start},
    workshop::Kind,
};

async fn open(server: &Running, version: &'static str) -> Client {
    let able = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
    Client::open_as(server.address, version, able).await
}

#[tokio::test]
async fn a_response_reaches_the_call_that_sent_the_request() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = open(&server, version).await;
            for (tool, method, answer, hears) in [
                (
                    "ask",
                    "elicitation/create",
                    json!({ "action": "accept", "content": { "answer": "blue" } }),
                    "blue",
                ),
                (
                    "ask",
                    "elicitation/create",
                    json!({ "action": "decline" }),
                    "decline",
                ),
                (
                    "sample",
                    "sampling/createMessage",
                    json!({ "role": "assistant", "model": "m", "stopReason": "endTurn",
                        "content": { "type": "text", "text": "a poem" } }),
                    "a poem",
                ),
                (
                    "roots",
                    "roots/list",
                    json!({ "roots": [{ "uri": "file:///home/me" }] }),
                    "file:///home/me",
                ),
            ] {
                let mut events = client.stream(tool, json!({ "text": "what?" })).await;
                let asked = events.message().await;
                assert_eq!(asked["method"], method, "{version} {tool}");
                assert!(asked["id"].is_string(), "{asked}");
                client.answer(&asked["id"], answer).await;
                let result = events.message().await;
                assert!(text(&result).contains(hears), "{version} {result}");
                assert_eq!(events.rest().await, []);
            }
        }
    }
}

#[tokio::test]
async fn an_error_of_the_client_reaches_the_call_that_sent_the_request() {
    let server = start(Kind::Quiet).await;
    let client = open(&server, "2025-06-18").await;
    let mut events = client.stream("ask", json!({ "text": "what?" })).await;
    let asked = events.message().await;
    let error = json!({ "code": -1, "message": "not today" });
    let error = json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error });
    assert_eq!(client.post(&error).await.status, 202);
    let result = events.message().await;
    assert!(text(&result).contains("not today"), "{result}");
}

#[tokio::test]
async fn an_invalid_response_is_an_error_of_its_call_only() {
    let server = start(Kind::Quiet).await;
    let client = open(&server, "2025-06-18").await;
    let mut events = client.stream("roots", json!({})).await;
    let asked = events.message().await;
    client.answer(&asked["id"], json!(17)).await;
    let result = events.message().await;
    assert!(text(&result).starts_with("refused"), "{result}");
    assert_eq!(client.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn requests_of_one_session_have_unique_ids() {
    let server = start(Kind::Quiet).await;
    let client = open(&server, "2025-06-18").await;
    let mut calls = Vec::new();
    for index in 0..8 {
        let mut events = client
            .stream("ask", json!({ "text": format!("{index}?") }))
            .await;
        let asked = events.message().await;
        assert_eq!(asked["params"]["message"], format!("{index}?"));
        calls.push((index, events, asked));
    }
    let ids: HashSet<_> = calls
        .iter()
        .map(|(_, _, asked)| asked["id"].to_string())
        .collect();
    assert_eq!(ids.len(), calls.len());
    let tokens = calls
        .iter()
        .map(|(_, _, asked)| &asked["params"]["_meta"]["progressToken"]);
    let tokens: HashSet<_> = tokens.map(Value::to_string).collect();
    assert_eq!(tokens.len(), calls.len());
    // Responses in reverse order still reach their own calls.
    for (index, mut events, asked) in calls.into_iter().rev() {
        let answer = json!({ "action": "accept", "content": { "answer": format!("{index}!") } });
        client.answer(&asked["id"], answer).await;
        let result = events.message().await;
        assert!(text(&result).contains(&format!("{index}!")), "{result}");
    }
}

#[tokio::test]
async fn a_response_from_another_session_is_ignored() {
    let server = start(Kind::Quiet).await;
    let (asked_one, other) = (
        open(&server, "2025-06-18").await,
        open(&server, "2025-06-18").await,
    );
    let mut events = asked_one.stream("ask", json!({ "text": "what?" })).await;
    let asked = events.message().await;
    let forged = json!({ "action": "accept", "content": { "answer": "forged" } });
    other.answer(&asked["id"], forged).await;
    let real = json!({ "action": "accept", "content": { "answer": "real" } });
    asked_one.answer(&asked["id"], real.clone()).await;
    let result = events.message().await;
    assert!(text(&result).contains("real"), "{result}");
    assert_eq!(events.rest().await, []);
    // A second response comes too late and is ignored.
    asked_one.answer(&asked["id"], real).await;
    assert_eq!(asked_one.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_client_without_capabilities_receives_no_requests() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for tool in ["ask", "sample", "roots"] {
        let answer = client
            .call(tool, json!({ "text": "what?" }))
            .await
            .json()
            .await;
        assert!(text(&answer).starts_with("refused"), "{tool} {answer}");
    }
}

#[tokio::test]
async fn a_request_that_times_out_is_cancelled_by_its_id() {
    let server = start(Kind::Quiet).await;
    let client = open(&server, "2025-06-18").await;
    let mut events = client
        .stream("ask_briefly", json!({ "text": "what?" }))
        .await;
    let asked = events.message().await;
    let taken_back = events.message().await;
    assert_eq!(taken_back["method"], "notifications/cancelled");
    assert_eq!(taken_back["params"]["requestId"], asked["id"]);
    assert_eq!(text(&events.message().await), "timeout");
}

#[tokio::test]
async fn a_client_that_never_responds_still_receives_requests() {
    let server = start(Kind::Talkative).await;
    let client = open(&server, "2025-06-18").await;
    // More requests than may be open at a time: each times out, and must make room for another.
    for _ in 0..farport_core::Exchange::MOST + 8 {
        let mut events = client
            .stream("ask_briefly", json!({ "text": "what?" }))
            .await;
        assert_eq!(events.message().await["method"], "elicitation/create");
        assert_eq!(
            text(&events.rest().await.pop().unwrap().message()),
            "timeout"
        );
    }
}

#[tokio::test]
async fn progress_on_a_request_reaches_the_call_with_its_token() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = open(&server, "2025-06-18").await;
        let mut events = client.stream("ask", json!({ "text": "what?" })).await;
        let asked = events.message().await;
        let token = &asked["params"]["_meta"]["progressToken"];
        let progress = json!({ "progressToken": token, "progress": 1 });
        client.notify("notifications/progress", progress).await;
        // The first request of this call.
        server.shop.has_seen("progress 0").await;
        let declined = json!({ "action": "cancel" });
        client.answer(&asked["id"], declined).await;
        assert!(text(&events.message().await).contains("cancel"));
    }
}

#[tokio::test]
async fn a_handler_can_send_a_request_during_a_notification() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = open(&server, "2025-11-25").await;
        let mut listening = client.listen(None).await.events();
        client
            .notify("notifications/roots/list_changed", json!({}))
            .await;
        let asked = listening.message().await;
        assert_eq!(asked["method"], "roots/list");
        let roots = json!({ "roots": [] });
        client.answer(&asked["id"], roots.clone()).await;
        server.shop.has_seen(&format!("roots {roots}")).await;
    }
}

#[tokio::test]
async fn a_request_ends_with_its_session() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = open(&server, "2025-06-18").await;
        let mut events = client.stream("ask", json!({ "text": "what?" })).await;
        events.message().await;
        assert_eq!(client.delete().await, 204);
        assert_eq!(events.rest().await, []);
        server.shop.shrinks_to(0).await;
    }
}
