//! Sessions that go away, streams that break.

use std::sync::atomic::{AtomicUsize, Ordering};

use farport_client::{Store, TransportOrder};
use serde_json::json;

use crate::support::{Answer, Client, Seen, Server, eventually, options};

/// A server with sessions, which forgets its first one after `calls` calls.
async fn forgetful(calls: usize) -> Server {
    let opened = AtomicUsize::new(0);
    let called = AtomicUsize::new(0);
    Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        match (&*seen.method, body["method"].as_str().unwrap_or_default()) {
            ("POST", "initialize") => {
                let session = opened.fetch_add(1, Ordering::SeqCst) + 1;
                let result =
                    json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}});
                Answer::result(seen, &result).with("mcp-session-id", format!("session-{session}"))
            }
            ("GET", _) => Answer::status(405),
            ("DELETE", _) => Answer::status(204),
            ("POST", method) if method.starts_with("notifications/") => Answer::status(202),
            _ => {
                let first = seen.header("mcp-session-id") == "session-1";
                if first && called.fetch_add(1, Ordering::SeqCst) >= calls {
                    return Answer::status(404);
                }
                Answer::result(seen, &json!({"session": seen.header("mcp-session-id")}))
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_expired_session_is_opened_again_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let server = forgetful(3).await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    client
        .ask("resources/subscribe", json!({"uri": "test://a"}))
        .await;
    client
        .ask("logging/setLevel", json!({"level": "debug"}))
        .await;
    let first = client.ask("tools/call", json!({"name": "t"})).await;
    assert_eq!(first["result"]["session"], "session-1");
    let second = client.ask("tools/call", json!({"name": "t"})).await;
    assert_eq!(second["result"]["session"], "session-2");
    let seen = server.seen();
    let again: Vec<String> = seen
        .iter()
        .filter(|seen| seen.header("mcp-session-id") == "session-2")
        .map(|seen| {
            seen.json()["method"]
                .as_str()
                .unwrap_or(&seen.method)
                .to_owned()
        })
        .collect();
    for method in [
        "notifications/initialized",
        "resources/subscribe",
        "logging/setLevel",
        "tools/call",
    ] {
        assert!(
            again.iter().any(|other| other == method),
            "{method} {again:?}"
        );
    }
    let opened: Vec<_> = seen
        .iter()
        .filter(|seen| seen.json()["method"] == "initialize")
        .collect();
    assert_eq!(opened[0].json()["params"], opened[1].json()["params"]);
    assert!(client.reports.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_session_is_ended_when_the_client_goes() {
    let folder = tempfile::tempdir().unwrap();
    let server = forgetful(9).await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    client.ask("ping", json!({})).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.writer)
        .await
        .unwrap();
    client.bridge.await.unwrap().unwrap();
    let seen = server.seen();
    assert!(seen.iter().any(|seen| seen.method == "DELETE"
        && seen.header("mcp-session-id") == "session-1"
        && seen.header("mcp-protocol-version") == "2025-11-25"));
}

#[tokio::test]
async fn a_broken_stream_is_resumed_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| {
        let body = seen.json();
        match (&*seen.method, body["method"].as_str().unwrap_or_default()) {
            ("POST", "initialize") => Answer::result(seen, &json!({"protocolVersion": "2025-11-25"})),
            ("POST", "tools/call") => Answer::events("id: 1-7\nretry: 10\ndata:\n\n"),
            ("GET", _) if seen.header("last-event-id") == "1-7" => Answer::events(
                "id: 1-8\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n\
                 data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":2,\"result\":{\"ok\":1.50}}\n\n",
            ),
            ("GET", _) => Answer::status(405),
            _ => Answer::status(202),
        }
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    client
        .write(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{}}"#)
        .await;
    assert_eq!(client.next().await["method"], "notifications/message");
    assert_eq!(client.next().await["result"]["ok"].to_string(), "1.5");
}

#[tokio::test]
async fn transports_are_tried_in_the_order_asked_for() {
    use TransportOrder::{HttpFirst, HttpOnly, SseFirst, SseOnly};
    for (order, refused, expect) in [
        (HttpFirst, 404, "POST / GET /"),
        (HttpFirst, 405, "POST / GET /"),
        (HttpOnly, 404, "POST /"),
        (SseFirst, 405, "GET / POST /"),
        (SseOnly, 405, "GET /"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _: &Seen| Answer::status(refused)).await;
        let mut options = options(&server.origin);
        options.transport = order;
        let mut client = Client::new(options, Store::at(folder.path()));
        let answer = client.open().await;
        assert_eq!(answer["error"]["code"], -32000, "{answer}");
        let seen: Vec<_> = server
            .seen()
            .iter()
            .take(expect.split(' ').count() / 2)
            .map(|seen| format!("{} {}", seen.method, seen.path))
            .collect();
        assert_eq!(seen.join(" "), expect, "{order:?}");
    }
}

#[tokio::test]
async fn hidden_tools_are_neither_listed_nor_called() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| match seen.json()["method"].as_str() {
        Some("tools/list") => Answer::result(
            seen,
            &json!({"tools": [{"name": "delete_all"}, {"name": "add"}]}),
        ),
        Some("notifications/initialized") => Answer::status(202),
        None => Answer::status(405),
        _ => Answer::result(seen, &json!({})),
    })
    .await;
    let mut options = options(&server.origin);
    options.ignored_tools = vec!["delete*".to_owned()];
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    let listed = client.ask("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"], json!([{"name": "add"}]));
    let refused = client
        .ask("tools/call", json!({"name": "delete_all"}))
        .await;
    assert_eq!(refused["error"]["code"], -32602);
    client.ask("tools/call", json!({"name": "add"})).await;
    eventually("the call", || server.count("tools/call") == 1).await;
}
