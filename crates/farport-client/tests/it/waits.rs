//! Time limits: nothing waits for ever, and a call that makes progress is not ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use farport_client::Store;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::recovery::usual;
use crate::support::{Answer, Client, Feed, Reply, Seen, Server, eventually, options};

#[tokio::test]
async fn a_notification_s_response_holds_nothing_up() {
    for status in [200, 202] {
        let folder = tempfile::tempdir().unwrap();
        let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
        let kept = Arc::clone(&feeds);
        let server = Server::start(move |_, seen: &Seen| {
            let method = seen.json()["method"].clone();
            if method
                .as_str()
                .unwrap_or_default()
                .starts_with("notifications/")
            {
                let (reply, feed) = Reply::stream(status);
                feed.send(": open\n\n");
                kept.lock().unwrap().push(feed);
                return reply;
            }
            usual(seen, "s")
        })
        .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        client
            .write(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#)
            .await;
        let started = Instant::now();
        client.ask("tools/list", json!({})).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{status}");
        // What comes on such a stream is passed on all the same.
        eventually("both streams", || feeds.lock().unwrap().len() == 2).await;
        let note = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        feeds.lock().unwrap()[0].event(&note);
        assert_eq!(client.next().await, note);
    }
}

#[tokio::test]
async fn an_accepted_request_fails_when_its_response_cannot_come() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| match seen.json()["method"].as_str() {
        Some("tools/call") => Answer::status(202).into(),
        Some("prompts/list") => Answer::status(200).into(),
        Some("tools/list") => Answer(
            200,
            vec![("content-type", "application/json".into())],
            " \n".into(),
        )
        .into(),
        Some("resources/list") => Answer::events(": nothing\n\n").into(),
        _ => usual(seen, "s"),
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    eventually("the stream is refused", || server.verbs("GET") == 1).await;
    let methods = ["tools/call", "prompts/list", "tools/list", "resources/list"];
    for method in methods {
        let answer = client.ask(method, json!({})).await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("response"), "{method} {said}");
    }
    // In the newest revision there is no other stream that it could come on.
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    for method in methods {
        let answer = client.ask(method, json!({"_meta": meta})).await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("response"), "{method} {said}");
    }
}

/// A server whose own stream is open, and which accepts calls.
async fn accepting() -> (Server, Arc<Mutex<Vec<Feed>>>) {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let kept = Arc::clone(&feeds);
    let server = Server::start(move |_, seen: &Seen| {
        if seen.method == "GET" {
            let (reply, feed) = Reply::stream(200);
            feed.send(": open\n\n");
            kept.lock().unwrap().push(feed);
            return reply;
        }
        match seen.json()["method"].as_str() {
            Some("tools/call") => Answer::status(202).into(),
            _ => usual(seen, "s"),
        }
    })
    .await;
    (server, feeds)
}

#[tokio::test]
async fn an_accepted_request_may_be_answered_on_the_session_s_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (server, feeds) = accepting().await;
    let mut options = options(&server.origin);
    options.http.timeouts.headers = Duration::from_millis(1500);
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    eventually("a stream", || feeds.lock().unwrap().len() == 1).await;
    let feed = feeds.lock().unwrap()[0].clone();

    let params = json!({"_meta": {"progressToken": "p"}});
    let id = client.begin("tools/call", params).await;
    eventually("the call", || server.count("tools/call") == 1).await;
    // Progress restarts the limit, so that the call outlives it.
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(600)).await;
        feed.event(
            &json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": "p", "progress": 1}}),
        );
    }
    feed.event(&json!({"jsonrpc": "2.0", "id": id, "result": {"ok": 1}}));
    assert_eq!(client.answer(&id).await["result"]["ok"], 1);

    // Comments on the stream, and progress of others, are no sign of this call.
    let id = client.begin("tools/call", json!({})).await;
    let started = Instant::now();
    let answer = client.answer(&id).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("--headers-timeout"), "{said}");
    assert!(started.elapsed() >= Duration::from_millis(1400));
}

#[tokio::test]
async fn a_call_lives_for_as_long_as_its_connection_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        if body["method"] != "tools/call" {
            return usual(seen, "s");
        }
        let (reply, feed) = Reply::stream(200);
        tokio::spawn(async move {
            for _ in 0..8 {
                feed.send(": keep-alive\n\n");
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            feed.event(&json!({"jsonrpc": "2.0", "id": body["id"], "result": {"ok": 1}}));
        });
        reply
    })
    .await;
    let mut options = options(&server.origin);
    options.http.timeouts.headers = Duration::from_millis(1200);
    options.http.timeouts.body = Duration::from_millis(1200);
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    for params in [json!({}), json!({"name": "t", "_meta": meta})] {
        let answer: Value = client.ask("tools/call", params).await;
        assert_eq!(answer["result"]["ok"], 1, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_page_that_never_ends_is_shown_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let kept = Arc::clone(&feeds);
    let server = Server::start(move |_, seen: &Seen| {
        if seen.json()["method"] != "tools/call" {
            return usual(seen, "s");
        }
        let (reply, feed) = Reply::stream(500);
        feed.send("something broke");
        kept.lock().unwrap().push(feed);
        reply
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let answer = client.ask("tools/call", json!({})).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("500: something broke"), "{said}");
}
