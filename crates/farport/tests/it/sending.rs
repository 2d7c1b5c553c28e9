//! Messages of a session's handler during a call: progress and log messages.

use serde_json::{Value, json};

use crate::support::{
    client::{SESSIONS, request, text, tool},
    server::start,
    soon,
    workshop::{Kind, LEVELS},
};

#[tokio::test]
async fn progress_comes_before_the_response_in_order_and_with_its_token() {
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
async fn a_response_without_earlier_messages_is_json() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            let mut params = tool("echo", json!({ "text": "x" }));
            params["_meta"] = json!({ "progressToken": 1 });
            for message in [
                request(1, "tools/call", tool("echo", json!({ "text": "x" }))),
                request(2, "tools/call", params),
                // Without a token, the call reports no progress.
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
async fn a_client_that_prefers_events_gets_events() {
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
async fn log_messages_start_at_the_level_of_the_session() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-06-18").await;
    // All messages, until the client sets a level.
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
async fn a_session_has_its_own_valid_log_level() {
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
async fn a_peer_of_a_finished_call_reaches_no_client() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-11-25").await;
    let mut listening = client.listen(None).await.events();
    assert!(listening.event().await.is_priming());
    server.shop.peers.lock().unwrap().clear();
    assert_eq!(client.call("leave", json!({})).await.status, 200);
    let left = server.shop.peers.lock().unwrap().pop().unwrap();
    assert!(soon(left.notify_tool_list_changed()).await.is_err());
    // Messages of the session's own peer arrive.
    assert_eq!(
        client.call("touch", json!({ "text": "a:b" })).await.status,
        200
    );
    let heard = listening.message().await;
    assert_eq!(heard["method"], "notifications/resources/updated");
}
