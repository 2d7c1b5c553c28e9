//! The public API of a connection, in both eras and over each transport.

use std::time::Duration;

use farport_client::{
    Connection, ConnectionOptions, Era, EraChoice, Error, NoBrowser, ServerMessage, Store,
    TransportOrder, User,
};
use serde_json::{Value, json};

use crate::support::{Answer, Feed, Reply, Reports, SOON, Seen, Server, eventually, options};

fn settings(era: EraChoice) -> (ConnectionOptions, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let user = User::new(Reports::default(), NoBrowser);
    let mut settings = ConnectionOptions::new(Store::at(folder.path()), user);
    settings.era = era;
    (settings, folder)
}

async fn open(server: &Server, era: EraChoice) -> Connection {
    let (settings, _folder) = settings(era);
    Connection::open(options(&format!("{}/mcp", server.origin)), settings)
        .await
        .unwrap()
}

/// The result of a method in pages, or of a tool.
fn result(seen: &Seen) -> Value {
    let request = seen.json();
    match request["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"},
        }),
        "server/discover" => json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
        }),
        "tools/list" => match request["params"]["cursor"].as_str() {
            None => {
                json!({"tools": [{"name": "a", "inputSchema": {"x": 1.0e5}}], "nextCursor": ""})
            }
            Some(_) => json!({"tools": [{"name": "b", "title": "B"}, {"no": "name"}]}),
        },
        "tools/call" => json!({
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
            "isError": request["params"]["name"] == "b",
        }),
        _ => json!({}),
    }
}

fn old_server(seen: &Seen) -> Answer {
    match (&*seen.method, seen.json()["method"].as_str()) {
        ("GET", _) => Answer::status(405),
        ("DELETE", _) => Answer::status(204),
        (_, Some("server/discover")) => Answer::status(400),
        (_, Some("initialize")) => Answer::result(seen, &result(seen)).with("mcp-session-id", "s1"),
        _ if seen.json().get("id").is_none() => Answer::status(202),
        _ => Answer::result(seen, &result(seen)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_session_era_is_opened_listed_called_and_closed() {
    let server = Server::start(|_, seen| old_server(seen)).await;
    let connection = open(&server, EraChoice::Auto).await;
    assert_eq!(connection.era(), Era::Session);
    assert_eq!(connection.protocol_version(), "2025-11-25");
    assert!(connection.server().get().contains("\"old\""));
    let tools = connection.list_tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(tools[0].input_schema.get(), r#"{"x":100000.0}"#);
    assert_eq!(tools[1].title.as_deref(), Some("B"));
    let called = connection.call_tool("a", &json!({"n": 1})).await.unwrap();
    assert!(!called.is_error);
    assert_eq!(called.text(), "one\ntwo");
    assert!(
        connection
            .call_tool("b", &json!({}))
            .await
            .unwrap()
            .is_error
    );
    connection.close().await;
    assert_eq!(server.verbs("DELETE"), 1);
    let call = server
        .seen()
        .into_iter()
        .find(|seen| seen.json()["method"] == "tools/call");
    assert_eq!(call.unwrap().header("mcp-session-id"), "s1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_modern_era_gets_requests_that_stand_alone() {
    let server = Server::start(|_, seen| Answer::result(seen, &result(seen))).await;
    let connection = open(&server, EraChoice::Auto).await;
    assert_eq!(connection.era(), Era::Modern);
    assert_eq!(connection.protocol_version(), "2026-07-28");
    assert_eq!(connection.list_tools().await.unwrap().len(), 2);
    connection.call_tool("a", &json!({})).await.unwrap();
    let call = server
        .seen()
        .into_iter()
        .find(|seen| seen.json()["method"] == "tools/call");
    let call = call.unwrap();
    assert_eq!(call.header("mcp-name"), "a");
    assert_eq!(call.header("mcp-protocol-version"), "2026-07-28");
    let meta = &call.json()["params"]["_meta"];
    assert_eq!(
        meta["io.modelcontextprotocol/protocolVersion"],
        "2026-07-28"
    );
    assert_eq!(
        meta["io.modelcontextprotocol/clientInfo"]["name"],
        "farport"
    );
    assert_eq!(server.count("initialize"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_server_keeps_its_code_and_data() {
    let server = Server::start(|_, seen| match seen.json()["method"].as_str() {
        Some("boom") => Answer::json(&json!({
            "jsonrpc": "2.0",
            "id": seen.json()["id"],
            "error": {"code": -32602, "message": "no", "data": {"uri": "x"}},
        })),
        _ => old_server(seen),
    })
    .await;
    let connection = open(&server, EraChoice::Session).await;
    let call = connection.request("boom", &json!({})).unwrap();
    let Err(Error::Response(error)) = call.response().await else {
        panic!("it succeeded");
    };
    assert_eq!((error.code, &*error.message), (-32602, "no"));
    assert_eq!(error.data.unwrap().get(), r#"{"uri":"x"}"#);
    assert!(connection.request("boom", &json!([])).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_receives_its_own_messages_and_can_be_answered_in_the_middle() {
    let server = Server::start(|_, seen| {
        let request = seen.json();
        if request["method"] == "tools/call" {
            let (reply, feed) = Reply::stream(200);
            feed.event(
                &json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": 1, "progress": 1}}),
            );
            feed.event(
                &json!({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create",
                "params": {}}),
            );
            feed.event(&json!({"jsonrpc": "2.0", "id": 8, "method": "ping"}));
            feed.event(&json!({"jsonrpc": "2.0", "id": request["id"], "result": {"done": true}}));
            return reply;
        }
        old_server(seen).into()
    })
    .await;
    let connection = open(&server, EraChoice::Session).await;
    let mut call = connection
        .request("tools/call", &json!({"name": "a"}))
        .unwrap();
    let mut methods = Vec::new();
    while let Some(message) = call.next().await {
        methods.push(message.method().to_owned());
        if let ServerMessage::Request { id, .. } = &message {
            connection
                .respond(id, &json!({"action": "accept"}))
                .await
                .unwrap();
        }
    }
    assert_eq!(methods, ["notifications/progress", "elicitation/create"]);
    assert_eq!(call.response().await.unwrap().get(), r#"{"done":true}"#);
    let answers = |id: u64| {
        server
            .seen()
            .iter()
            .any(|seen| seen.json()["id"] == id && seen.json().get("result").is_some())
    };
    eventually("the question and the ping are answered", || {
        answers(7) && answers(8)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_cancelled_at_the_server() {
    let feed: std::sync::Arc<std::sync::Mutex<Option<Feed>>> = std::sync::Arc::default();
    let kept = std::sync::Arc::clone(&feed);
    let server = Server::start(move |_, seen| {
        if seen.json()["method"] == "tools/call" {
            let (reply, feed) = Reply::stream(200);
            *kept.lock().unwrap() = Some(feed);
            return reply;
        }
        old_server(seen).into()
    })
    .await;
    let connection = open(&server, EraChoice::Session).await;
    let call = connection.request("tools/call", &json!({})).unwrap();
    eventually("the call arrives", || server.count("tools/call") == 1).await;
    let id = call.id().to_string();
    drop(call);
    eventually("the cancellation arrives", || {
        server.count("notifications/cancelled") == 1
    })
    .await;
    let seen = server.seen();
    let cancelled = seen
        .iter()
        .find(|seen| seen.json()["method"] == "notifications/cancelled");
    assert_eq!(
        cancelled.unwrap().json()["params"]["requestId"].to_string(),
        id
    );
    let open = feed.lock().unwrap().clone().unwrap();
    eventually("the stream closes", || open.is_closed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_with_sse_carries_responses_and_messages() {
    let feed: std::sync::Arc<std::sync::Mutex<Option<Feed>>> = std::sync::Arc::default();
    let kept = std::sync::Arc::clone(&feed);
    let server = Server::start(move |_, seen| {
        if seen.method == "GET" {
            let (reply, feed) = Reply::stream(200);
            feed.send("event: endpoint\ndata: /messages?sessionId=1\n\n");
            feed.event(&json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}));
            *kept.lock().unwrap() = Some(feed);
            return reply;
        }
        if seen.json().get("id").is_some() {
            let feed = kept.lock().unwrap().clone().unwrap();
            feed.event(&json!({"jsonrpc": "2.0", "id": seen.json()["id"], "result": result(seen)}));
        }
        Answer::status(202).into()
    })
    .await;
    let (settings, _folder) = settings(EraChoice::Auto);
    let mut http = options(&format!("{}/sse", server.origin));
    http.transport = TransportOrder::SseOnly;
    let connection = Connection::open(http, settings).await.unwrap();
    let mut messages = connection.messages().unwrap();
    assert!(connection.messages().is_none());
    let message = tokio::time::timeout(SOON, messages.recv()).await.unwrap();
    assert_eq!(message.unwrap().method(), "notifications/message");
    assert_eq!(connection.list_tools().await.unwrap().len(), 2);
}

#[cfg(unix)]
mod process {
    use farport_client::Command;

    use super::*;

    /// A server in a shell. It answers by method, and starts a process that would outlive it.
    const SCRIPT: &str = r#"
        echo "starting" >&2
        sleep 1000 &
        echo $! > "$1"
        while read -r line; do
            id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\).*/\1/p')
            case "$line" in
                *server/discover*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}" ;;
                *initialize\"*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}" ;;
                *tools/list*) echo "not JSON"; echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"tools\":[{\"name\":\"a\"}]}}" ;;
                *die*) echo "out of cheese" >&2; exit 3 ;;
            esac
        done
    "#;

    fn is_running(process: &str) -> bool {
        std::path::Path::new(&format!("/proc/{process}/stat")).exists()
            && !std::fs::read_to_string(format!("/proc/{process}/stat"))
                .unwrap_or_default()
                .contains(") Z ")
    }

    async fn start(folder: &std::path::Path) -> (Connection, String) {
        let file = folder.join("process");
        let command = Command::new("sh").args(["-c", SCRIPT, "server"]).arg(&file);
        let (settings, _store) = settings(EraChoice::Auto);
        let connection = Connection::open(command, settings).await.unwrap();
        let process = std::fs::read_to_string(&file).unwrap();
        (connection, process.trim().to_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_child_process_is_a_server_and_ends_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, process) = start(folder.path()).await;
        assert_eq!(connection.era(), Era::Session);
        assert_eq!(connection.list_tools().await.unwrap()[0].name, "a");
        if cfg!(target_os = "linux") {
            assert!(is_running(&process));
        }
        connection.close().await;
        eventually("the process it started has ended", || !is_running(&process)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_process_that_dies_fails_its_calls_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, process) = start(folder.path()).await;
        let call = connection.request("die", &json!({})).unwrap();
        let error = tokio::time::timeout(Duration::from_secs(20), call.response()).await;
        let error = error.unwrap().unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("out of cheese"), "{error}");
        eventually("the process it started has ended", || !is_running(&process)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_program_that_does_not_exist_is_named() {
        let (settings, _store) = settings(EraChoice::Auto);
        let opened = Connection::open(Command::new("no-such-program-here"), settings).await;
        let error = opened.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot start no-such-program-here: "),
            "{error}"
        );
    }
}
