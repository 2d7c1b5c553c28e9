//! What a session's server asks its client: elicitation, sampling, roots.

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
async fn an_answer_reaches_the_call_that_asked() {
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
async fn an_error_of_the_client_reaches_the_call_that_asked() {
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
async fn an_answer_that_makes_no_sense_is_an_error_of_the_call_and_no_more() {
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
async fn questions_of_one_session_have_names_of_their_own() {
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
    // Answered from the last to the first, each call hears its own answer.
    for (index, mut events, asked) in calls.into_iter().rev() {
        let answer = json!({ "action": "accept", "content": { "answer": format!("{index}!") } });
        client.answer(&asked["id"], answer).await;
        let result = events.message().await;
        assert!(text(&result).contains(&format!("{index}!")), "{result}");
    }
}

#[tokio::test]
async fn an_answer_from_another_session_is_no_answer() {
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
    // A second answer comes too late, and hurts nobody.
    asked_one.answer(&asked["id"], real).await;
    assert_eq!(asked_one.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_client_that_declared_nothing_is_asked_nothing() {
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
async fn a_question_that_is_given_up_is_taken_back_by_its_name() {
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
async fn a_client_that_never_answers_can_still_be_asked() {
    let server = start(Kind::Talkative).await;
    let client = open(&server, "2025-06-18").await;
    // More than may be open at a time: each is given up, and must make room for another.
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
async fn progress_on_a_question_reaches_the_call_under_its_own_token() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = open(&server, "2025-06-18").await;
        let mut events = client.stream("ask", json!({ "text": "what?" })).await;
        let asked = events.message().await;
        let token = &asked["params"]["_meta"]["progressToken"];
        let progress = json!({ "progressToken": token, "progress": 1 });
        client.notify("notifications/progress", progress).await;
        // The first of this call, as it counts them.
        server.shop.has_seen("progress 0").await;
        let declined = json!({ "action": "cancel" });
        client.answer(&asked["id"], declined).await;
        assert!(text(&events.message().await).contains("cancel"));
    }
}

#[tokio::test]
async fn a_notification_can_be_answered_with_a_question() {
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
async fn a_question_ends_with_its_session() {
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
