//! GET: messages of a session's server outside of calls.

use serde_json::json;

use crate::support::{
    client::{Client, SESSIONS, request},
    events::{Events, Next},
    server::{Running, start},
    soon,
    workshop::Kind,
};

async fn listen(client: &Client) -> Events {
    let mut events = client.listen(None).await.events();
    if client.version == "2025-11-25" {
        assert!(events.event().await.is_priming());
    }
    events
}

async fn announce(client: &Client, text: &str) {
    // The resource's name distinguishes the notifications.
    let touched = client.call("touch", json!({ "text": text })).await;
    assert_eq!(touched.status, 200);
}

async fn hears(events: &mut Events, text: &str) -> String {
    let event = events.event().await;
    assert_eq!(event.message()["params"]["uri"], text);
    event.id.unwrap()
}

async fn session(version: &'static str) -> (Running, Client) {
    let server = start(Kind::Talkative).await;
    let client = server.client(version).await;
    server.shop.has_seen("initialized").await;
    (server, client)
}

#[tokio::test]
async fn the_session_stream_reports_changes() {
    for version in SESSIONS {
        let (_server, client) = session(version).await;
        let response = client.listen(None).await;
        assert_eq!(response.header("x-accel-buffering"), Some("no"));
        assert!(
            response
                .header("cache-control")
                .unwrap()
                .contains("no-cache")
        );
        let mut events = response.events();
        assert_eq!(client.call("announce", json!({})).await.status, 200);
        let heard = events.message_event().await;
        assert!(heard.id.is_some());
        let message = heard.message();
        assert_eq!(
            message["method"], "notifications/tools/list_changed",
            "{version}"
        );
        announce(&client, "file:///a").await;
        assert_eq!(events.message().await["params"]["uri"], "file:///a");
    }
}

#[tokio::test]
async fn only_2025_11_25_is_given_an_event_to_resume_from_at_once() {
    for version in SESSIONS {
        let (_server, client) = session(version).await;
        let mut events = client.listen(None).await.events();
        announce(&client, "a").await;
        let first = events.event().await;
        assert_eq!(first.is_priming(), version == "2025-11-25", "{version}");
        if first.is_priming() {
            assert!(first.retry.is_some_and(|retry| retry > 0));
        }
        let mut call = client.stream_progress(1, "steps", json!({})).await;
        let first = call.event().await;
        assert_eq!(first.is_priming(), version == "2025-11-25", "{version}");
    }
}

#[tokio::test]
async fn messages_before_the_first_listener_are_stored() {
    let (_server, client) = session("2025-06-18").await;
    announce(&client, "early").await;
    let mut events = listen(&client).await;
    hears(&mut events, "early").await;
}

#[tokio::test]
async fn a_newer_listener_replaces_the_older() {
    for version in SESSIONS {
        let (_server, client) = session(version).await;
        let mut first = listen(&client).await;
        announce(&client, "one").await;
        hears(&mut first, "one").await;
        let mut second = listen(&client).await;
        assert_eq!(soon(first.next()).await, Next::End, "{version}");
        announce(&client, "two").await;
        // The second does not receive what the first has received.
        hears(&mut second, "two").await;
    }
}

#[tokio::test]
async fn a_returning_listener_receives_each_missed_event_once() {
    for version in SESSIONS {
        let (_server, client) = session(version).await;
        let mut events = listen(&client).await;
        for text in ["one", "two", "three"] {
            announce(&client, text).await;
        }
        let one = hears(&mut events, "one").await;
        let two = hears(&mut events, "two").await;
        drop(events);
        announce(&client, "four").await;
        for (last, expect) in [
            (&one, &["two", "three", "four"][..]),
            (&two, &["three", "four"]),
        ] {
            let mut back = client.listen(Some(last)).await.events();
            for text in expect {
                hears(&mut back, text).await;
            }
        }
        let mut fresh = listen(&client).await;
        announce(&client, "five").await;
        hears(&mut fresh, "five").await;
    }
}

#[tokio::test]
async fn the_last_event_id_covers_all_events_before_it() {
    let (_server, client) = session("2025-11-25").await;
    let mut events = listen(&client).await;
    announce(&client, "one").await;
    hears(&mut events, "one").await;
    let mut again = client.listen(None).await.events();
    let primed = again.event().await;
    assert!(primed.is_priming());
    drop(again);
    announce(&client, "two").await;
    let mut back = client.listen(primed.id.as_deref()).await.events();
    hears(&mut back, "two").await;
}

#[tokio::test]
async fn an_invalid_event_id_is_refused() {
    let (_server, client) = session("2025-06-18").await;
    for (last, status) in [
        ("", 400),
        ("x", 400),
        ("0", 400),
        ("-1", 400),
        ("0-1-2", 400),
        ("0x0-1", 400),
        ("99999999999999999999999-1", 400),
        // A stream of no session.
        ("987654-1", 404),
    ] {
        let refused = client.listen(Some(last)).await;
        assert_eq!(refused.status, status, "{last}");
    }
    assert_eq!(client.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn an_event_id_from_the_future_loses_nothing() {
    // As after a restart that restored the session without its stream.
    let (_server, client) = session("2025-06-18").await;
    let mut back = client.listen(Some("0-1000")).await.events();
    announce(&client, "new").await;
    hears(&mut back, "new").await;
}

#[tokio::test]
async fn sessions_receive_their_own_changes_only() {
    let server = start(Kind::Talkative).await;
    let mut all = Vec::new();
    for index in 0..10 {
        let client = server.client("2025-06-18").await;
        let events = listen(&client).await;
        all.push((index.to_string(), client, events));
    }
    for (name, client, _) in &all {
        let subscribed = request(1, "resources/subscribe", json!({ "uri": name }));
        assert_eq!(client.post(&subscribed).await.status, 200);
        announce(client, name).await;
        announce(client, "last").await;
    }
    for (name, _, events) in &mut all {
        hears(events, name).await;
        hears(events, "last").await;
    }
}
