//! Recovery of sessions and streams over streamable HTTP: one owner, and waits that grow.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farport_client::Store;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Answer, Client, Feed, Reply, Seen, Server, eventually, options};

/// What a server with sessions answers where a test has nothing else in mind.
pub(crate) fn usual(seen: &Seen, session: &str) -> Reply {
    let body = seen.json();
    match (&*seen.method, body["method"].as_str()) {
        ("POST", Some("initialize")) => {
            let result = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
            Answer::result(seen, &result)
                .with("mcp-session-id", session)
                .into()
        }
        ("POST", _) if body["id"].is_null() || body["method"].is_null() => {
            Answer::status(202).into()
        }
        ("POST", _) => Answer::result(
            seen,
            &json!({"session": seen.header("mcp-session-id"), "tools": []}),
        )
        .into(),
        ("DELETE", _) => Answer::status(204).into(),
        _ => Answer::status(405).into(),
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_stream_has_not_lost_the_session() {
    for status in [400, 404, 405, 406, 410, 501] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, seen: &Seen| match &*seen.method {
            "GET" => Answer::status(status).into(),
            _ => usual(seen, "s"),
        })
        .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        eventually("the stream is requested", || server.verbs("GET") == 1).await;
        for _ in 0..20 {
            let answer = client.ask("tools/list", json!({})).await;
            assert_eq!(answer["result"]["session"], "s", "{status}");
        }
        assert_eq!(server.count("initialize"), 1, "{status}");
        assert_eq!(server.verbs("GET"), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_or_ends_is_opened_again_with_growing_waits() {
    for (name, retry_after) in [("ends", 0), ("events", 0), ("500", 0), ("429", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = Arc::clone(&times);
        let server = Server::start(move |_, seen: &Seen| match &*seen.method {
            "GET" => {
                noted.lock().unwrap().push(Instant::now());
                match name {
                    "ends" => Answer::events(": hello\n\n").into(),
                    "events" => Answer::events("id: 1\nretry: 0\ndata:\n\n").into(),
                    "500" => Answer::status(500).into(),
                    _ => Answer::status(429)
                        .with("retry-after", retry_after.to_string())
                        .into(),
                }
            }
            _ => usual(seen, "s"),
        })
        .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        eventually("three attempts", || server.verbs("GET") >= 3).await;
        let times = times.lock().unwrap().clone();
        let least = |wait: u64| Duration::from_millis(wait.max(retry_after * 1000));
        assert!(times[1] - times[0] >= least(370), "{name} {times:?}");
        assert!(times[2] - times[1] >= least(740), "{name} {times:?}");
        assert_eq!(server.count("initialize"), 1, "{name}");
    }
}

#[tokio::test]
async fn any_status_that_may_mean_a_lost_session_leads_to_one_new_one() {
    for status in [400, 404, 410] {
        let folder = tempfile::tempdir().unwrap();
        let opened = AtomicUsize::new(0);
        let server = Server::start(move |_, seen: &Seen| {
            let method = seen.json()["method"].clone();
            if method == "initialize" {
                let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                return usual(seen, &format!("session-{number}"));
            }
            if method == "tools/call" && seen.header("mcp-session-id") == "session-1" {
                return Answer::status(status).into();
            }
            usual(seen, "")
        })
        .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        let answer = client.ask("tools/call", json!({})).await;
        assert_eq!(
            answer["result"]["session"], "session-2",
            "{status} {answer}"
        );
        assert_eq!(server.count("initialize"), 2, "{status}");
    }
}

#[tokio::test]
async fn a_response_that_a_new_session_does_not_change_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        if body["method"] == "tools/call" {
            let error = json!({"code": -32602, "message": "no such tool"});
            let mut answer =
                Answer::json(&json!({"jsonrpc": "2.0", "id": body["id"], "error": error}));
            answer.0 = 400;
            return answer.into();
        }
        usual(seen, "s")
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    for _ in 0..20 {
        let answer = client.ask("tools/call", json!({})).await;
        assert_eq!(answer["error"]["message"], "no such tool", "{answer}");
    }
    // One for the first response, and one each time a wait that doubles was over.
    let opened = server.count("initialize");
    assert!(opened <= 10, "{opened}");
}

#[tokio::test]
async fn a_request_without_a_session_opens_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, seen: &Seen| {
        let method = seen.json()["method"].clone();
        match method.as_str() {
            Some("initialize") => {
                Answer::result(seen, &json!({"protocolVersion": "2025-11-25"})).into()
            }
            Some("tools/call") => Answer::status(404).into(),
            _ => usual(seen, ""),
        }
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let answer = client.ask("tools/call", json!({})).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    assert_eq!(server.count("initialize"), 1);
}

/// A server that forgets its sessions when `forgets` is set, with the feeds of its streams.
async fn restarting(
    forgets: impl Fn(&Seen, usize) -> bool + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<Feed>>>) {
    let opened = AtomicUsize::new(0);
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let kept = Arc::clone(&feeds);
    let server = Server::start(move |_, seen: &Seen| {
        if seen.json()["method"] == "initialize" {
            let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
            return usual(seen, &format!("session-{number}"));
        }
        if forgets(seen, opened.load(Ordering::SeqCst)) {
            return Answer::status(404).into();
        }
        if seen.method == "GET" {
            let (reply, feed) = Reply::stream(200);
            feed.send(": open\n\n");
            kept.lock().unwrap().push(feed);
            return reply;
        }
        usual(seen, "")
    })
    .await;
    (server, feeds)
}

#[tokio::test]
async fn an_idle_client_gets_a_new_session_after_its_stream_and_a_ping_fail() {
    let folder = tempfile::tempdir().unwrap();
    let restarted = Arc::new(AtomicUsize::new(0));
    let flag = Arc::clone(&restarted);
    let (server, feeds) = restarting(move |seen, _| {
        flag.load(Ordering::SeqCst) > 0 && seen.header("mcp-session-id") == "session-1"
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    eventually("a stream", || feeds.lock().unwrap().len() == 1).await;
    restarted.store(1, Ordering::SeqCst);
    feeds.lock().unwrap().clear();
    eventually("a new session", || server.count("initialize") == 2).await;
    eventually("its stream", || feeds.lock().unwrap().len() == 1).await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    feeds.lock().unwrap()[0].event(&note);
    assert_eq!(client.next().await, note);
}

#[tokio::test]
async fn a_new_session_has_one_stream_and_the_old_one_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (server, feeds) = restarting(|seen, opened| {
        seen.json()["method"] == "tools/call"
            && seen.header("mcp-session-id") == "session-1"
            && opened == 1
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    eventually("a stream", || feeds.lock().unwrap().len() == 1).await;
    let answer = client.ask("tools/call", json!({})).await;
    assert_eq!(answer["result"]["session"], "session-2", "{answer}");
    eventually("the new stream", || feeds.lock().unwrap().len() == 2).await;
    eventually("the old one is closed", || {
        feeds.lock().unwrap()[0].is_closed()
    })
    .await;
    assert!(!feeds.lock().unwrap()[1].is_closed());
    assert_eq!(server.verbs("GET"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_server_makes_it_poll_continues() {
    let folder = tempfile::tempdir().unwrap();
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        match (&*seen.method, body["method"].as_str()) {
            ("POST", Some("tools/call")) => Answer::events("id: c-0\nretry: 400\ndata:\n\n").into(),
            ("GET", _) if !seen.header("last-event-id").is_empty() => {
                // More often than attempts may fail.
                let number = polls.fetch_add(1, Ordering::SeqCst);
                if number < 9 {
                    return Answer::events(&format!("id: c-{number}\nretry: 400\ndata:\n\n"))
                        .into();
                }
                Answer::events("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"ok\":1}}\n\n")
                    .into()
            }
            _ => usual(seen, "s"),
        }
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let answer: Value = client.ask("tools/call", json!({})).await;
    assert_eq!(answer["result"]["ok"], 1, "{answer}");
}
