//! A call's stream that is cut, or closed by the server, and come back to.

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
async fn a_stream_that_is_cut_goes_on_after_the_last_event() {
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
async fn a_call_goes_on_when_its_client_has_gone() {
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
        // The server has noticed that the client has gone when it is served on another connection.
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
async fn a_reader_that_comes_back_takes_the_place_of_one_that_is_still_there() {
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
async fn a_call_can_end_its_response_and_be_polled_for_the_rest() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let client = server.client("2025-11-25").await;
        for (name, count) in [("at once", 1), ("after a report", 2)] {
            let seen = hang_up(&client, name, count).await;
            assert!(seen[0].is_priming() && seen[0].retry.is_some(), "{seen:?}");
            assert_eq!(seen.len(), count as usize, "{seen:?}");
            let last = seen.last().unwrap().id.clone();
            // It is not done yet: the client waits on the stream it has come back to.
            let mut back = client.listen(last.as_deref()).await.events();
            server.shop.open(name);
            let rest = messages(&back.rest().await);
            assert_eq!(rest.len(), 1, "{rest:?}");
            assert_eq!(text(&rest[0]), name);
        }
    }
}

#[tokio::test]
async fn a_call_that_is_done_before_the_client_is_back_has_kept_its_answer() {
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
async fn a_revision_that_has_no_polling_is_not_hung_up_on() {
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
