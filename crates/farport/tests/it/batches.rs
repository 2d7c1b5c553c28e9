//! JSON-RPC batches, which only 2025-03-26 has.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, SESSIONS, notification, request, text, tool},
    http::Wire,
    server::{Running, start},
    soon,
    workshop::Kind,
};

async fn session(kind: Kind) -> (Running, Client) {
    let server = start(kind).await;
    let client = server.client("2025-03-26").await;
    (server, client)
}

fn echo(id: impl Into<Value>, text: &str) -> Value {
    request(id, "tools/call", tool("echo", json!({ "text": text })))
}

#[tokio::test]
async fn responses_are_an_array_in_the_order_of_the_requests() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let (_server, client) = session(kind).await;
        let calls: Vec<_> = (0..20).map(|id| echo(id, &format!("text {id}"))).collect();
        let answers = client.post(&Value::from(calls)).await;
        assert_eq!(answers.status, 200);
        let answers = answers.json().await;
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), 20);
        for (id, answer) in answers.iter().enumerate() {
            assert_eq!(answer["id"], id);
            assert_eq!(text(answer), format!("text {id}"));
        }
    }
}

#[tokio::test]
async fn only_requests_get_responses() {
    let (server, client) = session(Kind::Quiet).await;
    let mixed = json!([
        notification("notifications/initialized", json!({})),
        echo("a", "one"),
        { "jsonrpc": "2.0", "id": "unknown", "result": {} },
        echo(2, "two"),
    ]);
    let answers = client.post(&mixed).await.json().await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(
        (&answers[0]["id"], &answers[1]["id"]),
        (&json!("a"), &json!(2))
    );
    server.shop.has_seen("initialized").await;
    let owed_nothing = json!([
        notification("notifications/initialized", json!({})),
        { "jsonrpc": "2.0", "id": "unknown", "result": {} },
    ]);
    let taken = client.post(&owed_nothing).await;
    assert_eq!(taken.status, 202);
    assert_eq!(taken.text().await, "");
}

#[tokio::test]
async fn an_invalid_entry_gets_an_error_in_its_place() {
    let (_server, client) = session(Kind::Quiet).await;
    let batch = json!([
        echo(1, "one"),
        17,
        { "jsonrpc": "2.0", "id": 3 },
        [echo(9, "nested")],
        { "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": [] },
        { "jsonrpc": "2.0", "id": 6, "method": "no/such" },
        echo(7, "seven"),
    ]);
    let answers = client.post(&batch).await.json().await;
    let seen: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].clone(), answer["error"]["code"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (json!(1), Value::Null),
            (Value::Null, json!(-32600)),
            (json!(3), json!(-32600)),
            (Value::Null, json!(-32600)),
            (json!(5), json!(-32602)),
            (json!(6), json!(-32601)),
            (json!(7), Value::Null),
        ]
    );
}

#[tokio::test]
async fn a_batch_has_one_to_a_hundred_entries() {
    let (_server, client) = session(Kind::Quiet).await;
    for (count, status) in [(0, 400), (1, 200), (100, 200), (101, 400), (5_000, 400)] {
        let batch: Vec<_> = (0..count).map(|id| echo(id, "x")).collect();
        let answer = client.post(&Value::from(batch)).await;
        assert_eq!(answer.status, status, "{count}");
        if status == 200 {
            assert_eq!(answer.json().await.as_array().unwrap().len(), count);
        } else {
            assert_eq!(answer.error_code().await, -32600, "{count}");
        }
    }
}

#[tokio::test]
async fn other_revisions_have_no_batches() {
    let server = start(Kind::Quiet).await;
    for version in ["2024-11-05"].into_iter().chain(SESSIONS) {
        let client = server.client(version).await;
        let answer = client.post(&json!([echo(1, "x")])).await;
        if version == "2025-03-26" {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(answer.status, 400, "{version}");
            assert_eq!(answer.error_code().await, -32600, "{version}");
        }
    }
}

fn reporting(id: i64, tool_name: &str, text: &str) -> Value {
    let mut params = tool(tool_name, json!({ "text": text }));
    params["_meta"] = json!({ "progressToken": id });
    request(id, "tools/call", params)
}

#[tokio::test]
async fn a_streaming_batch_is_one_stream_with_every_response() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let (_server, client) = session(kind).await;
        let batch = json!([
            reporting(1, "steps", "one"),
            echo(2, "two"),
            17,
            reporting(3, "steps", "three"),
        ]);
        let mut events = client.post(&batch).await.events();
        let events = events.rest().await;
        let messages: Vec<_> = events.iter().map(|event| event.message()).collect();
        for (id, expect) in [(1, "one"), (2, "two"), (3, "three")] {
            let mut answers = messages.iter().filter(|message| message["id"] == id);
            assert_eq!(text(answers.next().unwrap()), expect);
            assert_eq!(answers.next(), None, "{id} is answered once");
        }
        let failed = messages
            .iter()
            .filter(|message| message.get("error").is_some());
        assert_eq!(failed.count(), 1);
        let reports = messages
            .iter()
            .filter(|message| message.get("method").is_some());
        assert_eq!(reports.count(), 2);
        let ids: std::collections::HashSet<_> = events.iter().map(|event| &event.id).collect();
        assert_eq!(ids.len(), events.len(), "every event has a unique id");
    }
}

#[tokio::test]
async fn an_interrupted_batch_resumes_at_the_same_event() {
    let (server, client) = session(Kind::Quiet).await;
    let batch = json!([reporting(1, "gated", "held"), echo(2, "two")]);
    let mut events = client.post(&batch).await.events();
    let first = events.message_event().await;
    let second = events.message_event().await;
    drop(events);
    server.shop.open("held");
    let last = second.id.unwrap();
    let mut back = client.listen(Some(&last)).await.events();
    let rest = back.rest().await;
    let messages: Vec<_> = rest.iter().map(|event| event.message()).collect();
    assert_eq!(messages.len(), 2, "{first:?} {messages:?}");
    assert_eq!(messages[0]["params"]["message"], "held-2");
    assert_eq!(text(&messages[1]), "held");
}

#[tokio::test]
async fn one_entry_does_not_delay_another() {
    let (server, client) = session(Kind::Quiet).await;
    let slow = request(1, "tools/call", tool("wait", json!({ "text": "slow" })));
    let batch = json!([slow, reporting(2, "steps", "quick")]);
    let mut events = client.post(&batch).await.events();
    assert_eq!(events.message().await["params"]["message"], "quick-1");
    assert_eq!(text(&events.message().await), "quick");
    server.shop.open("slow");
    assert_eq!(text(&events.message().await), "slow");
    assert_eq!(events.rest().await, []);
}

#[tokio::test]
async fn a_slow_reader_receives_every_response() {
    let (server, client) = session(Kind::Quiet).await;
    let calls = ["a", "b", "c"].map(|name| {
        // More than the sockets buffer: the second call responds while the stream is blocked, and the
        // third reports more than the stream can store.
        let count = if name == "b" { 1 } else { 400 };
        let arguments = json!({ "text": name, "gate": name, "count": count });
        let mut params = tool("flood", arguments);
        params["_meta"] = json!({ "progressToken": name });
        request(name, "tools/call", params)
    });
    let mut wire = Wire::connect(server.address).await;
    wire.send(client.posting(&json!(calls)).bytes()).await;
    for name in ["a", "b", "c"] {
        server.shop.open(name);
        server.shop.has_seen(&format!("ended {name}")).await;
    }
    let response = soon(wire.response()).await.unwrap();
    let events = response.events().rest().await;
    assert!(events.len() < 800, "nothing was too much");
    let messages = events.iter().map(|event| event.message());
    let answered: Vec<_> = messages
        .filter_map(|message| message["id"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(answered, ["a", "b", "c"]);
}

#[tokio::test]
async fn one_entry_can_be_cancelled() {
    let (server, client) = session(Kind::Quiet).await;
    let slow = request(1, "tools/call", tool("wait", json!({ "text": "slow" })));
    let batch = client.posting(&json!([slow, echo(2, "two")]));
    let batch = tokio::spawn(batch.sent_to(server.address));
    server.shop.has_seen("began slow").await;
    client
        .notify("notifications/cancelled", json!({ "requestId": 1 }))
        .await;
    server.shop.has_seen("cancelled slow").await;
    let answers = batch.await.unwrap().json().await;
    assert_eq!(answers.as_array().unwrap().len(), 1, "{answers}");
    assert_eq!(answers[0]["id"], 2);
}
