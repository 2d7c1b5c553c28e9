//! Resuming the stream of a call after an interruption.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, SESSIONS, request, text, tool},
    events::{Event, Next},
    http::Wire,
    server::start,
    soon,
    workshop::Kind,
};

fn messages(events: &[Event]) -> Vec<Value> {
    events.iter().map(Event::message).collect()
}

#[tokio::test]
async fn an_interrupted_stream_continues_after_the_last_event() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            let mut events = client
                .stream_progress(1, "gated", json!({ "text": version }))
                .await;
            let first = events.message_event().await;
            assert_eq!(first.message()["params"]["message"], format!("{version}-1"));
            drop(events);
            server.shop.open(version);
            let mut back = client.listen(first.id.as_deref()).await.events();
            let rest = messages(&back.rest().await);
            assert_eq!(rest.len(), 2, "{version} {rest:?}");
            assert_eq!(rest[0]["params"]["message"], format!("{version}-2"));
            assert_eq!(text(&rest[1]), version);
        }
    }
}

#[tokio::test]
async fn a_call_continues_when_its_client_disconnects() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = server.client("2025-06-18").await;
        let call = request(
            "lonely",
            "tools/call",
            tool("wait", json!({ "text": "lonely" })),
        );
        let mut wire = Wire::connect(server.address).await;
        wire.send(client.posting(&call).bytes()).await;
        server.shop.has_seen("began lonely").await;
        drop(wire);
        // Once the server serves another connection, it has noticed the disconnect.
        assert_eq!(client.call("echo", json!({})).await.status, 200);
        server.shop.open("lonely");
        server.shop.has_seen("ended lonely").await;
        assert!(!server.shop.seen().contains(&"cancelled lonely".to_owned()));
    }
}

#[tokio::test]
async fn a_finished_stream_can_be_read_again() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    let arguments = json!({ "text": "x", "count": 3 });
    let events = client
        .stream_progress(1, "steps", arguments)
        .await
        .rest()
        .await;
    assert_eq!(events.len(), 4);
    for (index, event) in events.iter().enumerate() {
        let mut back = client.listen(event.id.as_deref()).await.events();
        assert_eq!(back.rest().await, events[index + 1..]);
    }
}

#[tokio::test]
async fn each_stream_is_resumed_alone() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-11-25").await;
    let mut lasts = Vec::new();
    for name in ["a", "b", "c"] {
        let mut events = client
            .stream_progress(1, "gated", json!({ "text": name }))
            .await;
        lasts.push((name, events.message_event().await.id.unwrap()));
    }
    for name in ["c", "a", "b"] {
        server.shop.open(name);
    }
    for (name, last) in lasts {
        let mut back = client.listen(Some(&last)).await.events();
        let rest = messages(&back.rest().await);
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[0]["params"]["message"], format!("{name}-2"));
        assert_eq!(text(&rest[1]), name);
    }
}

#[tokio::test]
async fn a_returning_reader_replaces_an_open_one() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    let mut old = client
        .stream_progress(1, "gated", json!({ "text": "x" }))
        .await;
    let first = old.message_event().await;
    let mut new = client.listen(first.id.as_deref()).await.events();
    assert_eq!(soon(old.next()).await, Next::End);
    server.shop.open("x");
    assert_eq!(new.rest().await.len(), 2);
}

async fn hang_up(client: &Client, text: &str, count: i64) -> Vec<Event> {
    let arguments = json!({ "text": text, "count": count });
    let mut events = client.stream_progress(1, "hang_up", arguments).await;
    let mut seen = Vec::new();
    loop {
        match soon(events.next()).await {
            Next::Event(event) => seen.push(event),
            Next::End => return seen,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_can_close_its_response_and_the_client_polls_for_the_rest() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = server.client("2025-11-25").await;
        for (name, count) in [("at once", 1), ("after a report", 2)] {
            let seen = hang_up(&client, name, count).await;
            assert!(seen[0].is_priming() && seen[0].retry.is_some(), "{seen:?}");
            assert_eq!(seen.len(), count as usize, "{seen:?}");
            let last = seen.last().unwrap().id.clone();
            // The call is still running: the client waits on the resumed stream.
            let mut back = client.listen(last.as_deref()).await.events();
            server.shop.open(name);
            let rest = messages(&back.rest().await);
            assert_eq!(rest.len(), 1, "{rest:?}");
            assert_eq!(text(&rest[0]), name);
        }
    }
}

#[tokio::test]
async fn the_response_of_a_finished_call_waits_for_the_client() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    server.shop.open("quick");
    let seen = hang_up(&client, "quick", 1).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    server.shop.has_seen("hung up quick").await;
    let mut back = client.listen(seen[0].id.as_deref()).await.events();
    assert_eq!(text(&back.rest().await[0].message()), "quick");
}

#[tokio::test]
async fn a_revision_without_polling_keeps_its_response_open() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in ["2025-03-26", "2025-06-18"] {
            let client = server.client(version).await;
            let mut params = tool("hang_up", json!({ "text": "x" }));
            params["_meta"] = json!({ "progressToken": 1 });
            let call = request(client.id(), "tools/call", params);
            let answer = client.post(&call).await.json().await;
            assert_eq!(text(&answer), "no way back", "{version}");
        }
    }
}
