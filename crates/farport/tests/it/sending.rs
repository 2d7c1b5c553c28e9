//! What a session's handler says while it works: progress and log messages.

use serde_json::{Value, json};

use crate::support::{
    client::{SESSIONS, request, text, tool},
    server::start,
    soon,
    workshop::{Kind, LEVELS},
};

#[tokio::test]
async fn progress_comes_before_the_answer_in_order_and_under_its_token() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            for token in [json!("a-token"), json!(0), json!(77)] {
                let arguments = json!({ "text": "x", "count": 5 });
                let mut events = client
                    .stream_progress(token.clone(), "steps", arguments)
                    .await;
                for step in 1..=5 {
                    let report = events.message().await;
                    assert_eq!(report["method"], "notifications/progress");
                    assert_eq!(report["params"]["progressToken"], token);
                    assert_eq!(report["params"]["message"], format!("x-{step}"));
                }
                assert_eq!(text(&events.message().await), "x");
                assert_eq!(events.rest().await, []);
            }
        }
    }
}

#[tokio::test]
async fn an_answer_with_nothing_before_it_is_json() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            let mut params = tool("echo", json!({ "text": "x" }));
            params["_meta"] = json!({ "progressToken": 1 });
            for message in [
                request(1, "tools/call", tool("echo", json!({ "text": "x" }))),
                request(2, "tools/call", params),
                // Without a token there is no progress.
                request(3, "tools/call", tool("steps", json!({ "text": "x" }))),
            ] {
                let answer = client.post(&message).await.json().await;
                assert_eq!(text(&answer), "x", "{version}");
                assert_eq!(answer["result"].get("resultType"), None);
                assert_eq!(answer["result"].get("_meta"), None);
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_would_rather_have_events_gets_events() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let call = request(1, "tools/call", tool("echo", json!({ "text": "x" })));
    let ask = client
        .posting(&call)
        .with("accept", "text/event-stream, application/json");
    let events = ask.to(server.address).await.events().rest().await;
    assert_eq!(events.len(), 1);
    assert_eq!(text(&events[0].message()), "x");
}

#[tokio::test]
async fn log_messages_come_from_the_level_that_the_session_asked_for() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-06-18").await;
    // Everything, until the client says otherwise.
    let mut levels = vec![("debug", 0)];
    levels.extend(
        LEVELS
            .iter()
            .enumerate()
            .map(|(index, (name, _))| (*name, index)),
    );
    for (turn, (level, from)) in levels.into_iter().enumerate() {
        if turn > 0 {
            let params = json!({ "level": level });
            let set = client.post(&request(1, "logging/setLevel", params)).await;
            assert_eq!(set.json().await["result"], json!({}), "{level}");
        }
        let events = client
            .stream("log", json!({ "text": "x" }))
            .await
            .rest()
            .await;
        let (answer, logged) = events.split_last().unwrap();
        assert_eq!(text(&answer.message()), "x");
        let logged: Vec<Value> = logged.iter().map(|event| event.message()).collect();
        let heard: Vec<_> = logged
            .iter()
            .map(|message| &message["params"]["level"])
            .collect();
        let expect: Vec<_> = LEVELS[from..].iter().map(|(name, _)| name).collect();
        assert_eq!(heard, expect, "{level}");
    }
}

#[tokio::test]
async fn a_level_is_the_sessions_own_and_only_taken_when_it_is_one() {
    let server = start(Kind::Talkative).await;
    let (one, other) = (
        server.client("2025-06-18").await,
        server.client("2025-06-18").await,
    );
    let emergency = request(1, "logging/setLevel", json!({ "level": "emergency" }));
    assert_eq!(one.post(&emergency).await.status, 200);
    let wrong = request(2, "logging/setLevel", json!({ "level": "loud" }));
    assert_eq!(one.post(&wrong).await.json().await["error"]["code"], -32602);
    assert_eq!(one.stream("log", json!({})).await.rest().await.len(), 2);
    assert_eq!(
        other.stream("log", json!({})).await.rest().await.len(),
        LEVELS.len() + 1
    );
}

#[tokio::test]
async fn what_a_call_leaves_behind_speaks_to_nobody() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-11-25").await;
    let mut listening = client.listen(None).await.events();
    assert!(listening.event().await.is_priming());
    server.shop.peers.lock().unwrap().clear();
    assert_eq!(client.call("leave", json!({})).await.status, 200);
    let left = server.shop.peers.lock().unwrap().pop().unwrap();
    assert!(soon(left.notify_tool_list_changed()).await.is_err());
    // What does come is what the session's own peer says.
    assert_eq!(
        client.call("touch", json!({ "text": "a:b" })).await.status,
        200
    );
    let heard = listening.message().await;
    assert_eq!(heard["method"], "notifications/resources/updated");
}
