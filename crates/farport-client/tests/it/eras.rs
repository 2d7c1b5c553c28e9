//! A client of one era at a server of the other.

use farport_client::{Protocol, Store};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Seen, Server, eventually, options};

/// Knows 2026-07-28 alone, and asks once before it is done.
async fn modern_only() -> Server {
    Server::start(|_, seen: &Seen| {
        let body = seen.json();
        let params = &body["params"];
        if params["_meta"]["io.modelcontextprotocol/protocolVersion"] != "2026-07-28" {
            let error = json!({"code": -32601, "message": "Method not found"});
            let mut answer = Answer::json(&json!({"jsonrpc": "2.0", "id": body["id"], "error": error}));
            answer.0 = 404;
            return answer;
        }
        assert_eq!(seen.header("mcp-method"), body["method"].as_str().unwrap());
        assert_eq!(seen.header("mcp-protocol-version"), "2026-07-28");
        match body["method"].as_str().unwrap() {
            "server/discover" => Answer::result(seen, &json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": true}, "logging": {}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "new", "version": "2"}},
            })),
            "subscriptions/listen" => {
                assert_eq!(params["notifications"]["toolsListChanged"], true);
                Answer::events(
                    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"notifications\":{}}}\n\n\
                     data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n",
                )
            }
            "tools/call" => match &params["inputResponses"]["name"]["content"]["name"] {
                Value::String(name) => {
                    assert_eq!(params["requestState"], "sealed");
                    let level = &params["_meta"]["io.modelcontextprotocol/logLevel"];
                    Answer::result(seen, &json!({"resultType": "complete", "said": format!("hello {name}"), "level": level}))
                }
                _ => Answer::result(seen, &json!({
                    "resultType": "input_required", "requestState": "sealed",
                    "inputRequests": {"name": {"method": "elicitation/create", "params": {"message": "who?"}}},
                })),
            },
            other => panic!("{other}"),
        }
    })
    .await
}

#[tokio::test]
async fn an_older_client_uses_a_server_of_the_newest_revision() {
    let folder = tempfile::tempdir().unwrap();
    let server = modern_only().await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    let opened = client.open().await;
    assert_eq!(
        opened["result"]["protocolVersion"], "2025-11-25",
        "{opened}"
    );
    assert_eq!(opened["result"]["serverInfo"]["name"], "new");
    assert_eq!(
        client.next().await["method"],
        "notifications/tools/list_changed"
    );
    client
        .ask("logging/setLevel", json!({"level": "debug"}))
        .await;
    client
        .write(r#"{"jsonrpc":"2.0","id":"call","method":"tools/call","params":{"name":"greet"}}"#)
        .await;
    let mut done = false;
    while !done {
        let message = client.next().await;
        if message["method"] == "elicitation/create" {
            assert_eq!(message["params"]["message"], "who?");
            let result = json!({"action": "accept", "content": {"name": "Ada"}});
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            client.write(&answer.to_string()).await;
        } else if message["id"] == "call" {
            assert_eq!(message["result"]["said"], "hello Ada", "{message}");
            assert_eq!(message["result"]["level"], "debug");
            done = true;
        }
    }
    assert_eq!(client.ask("ping", json!({})).await["result"], json!({}));
    assert_eq!(server.count("ping"), 0);
}

#[tokio::test]
async fn legacy_passes_on_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = modern_only().await;
    let mut options = options(&server.origin);
    options.protocol = Protocol::Legacy;
    let mut client = Client::new(options, Store::at(folder.path()));
    let opened = client.ask("initialize", crate::support::initialize()).await;
    assert_eq!(opened["error"]["code"], -32601, "{opened}");
    assert_eq!(server.count("server/discover"), 0);
}

#[tokio::test]
async fn a_newer_client_uses_a_server_of_the_session_era() {
    let folder = tempfile::tempdir().unwrap();
    let answered = std::sync::Arc::new(std::sync::Mutex::new(Value::Null));
    let noted = std::sync::Arc::clone(&answered);
    let server = Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        match (&*seen.method, body["method"].as_str()) {
            ("POST", Some("initialize")) => Answer::result(seen, &json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"},
            })).with("mcp-session-id", "s"),
            ("POST", None) => {
                *noted.lock().unwrap() = body;
                Answer::status(202)
            }
            _ if seen.header("mcp-session-id") != "s" => Answer::status(400),
            ("POST", Some("tools/list")) => Answer::result(seen, &json!({"tools": []})),
            ("POST", Some("tools/call")) => {
                assert!(body["params"].get("_meta").is_none(), "{body}");
                // Its answer comes once it is asked for the rest of the stream.
                let call = body["id"].as_str().unwrap();
                Answer::events(&format!(
                    "id: {call}\nretry: 10\ndata: {{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"elicitation/create\",\"params\":{{\"message\":\"who?\"}}}}\n\n"
                ))
            }
            ("GET", _) if !seen.header("last-event-id").is_empty() => {
                let call = seen.header("last-event-id");
                let name = noted.lock().unwrap()["result"]["content"]["name"].clone();
                if name.is_null() {
                    return Answer::events(&format!("id: {call}\nretry: 10\ndata:\n\n"));
                }
                Answer::events(&format!(
                    "data: {{\"jsonrpc\":\"2.0\",\"id\":\"{call}\",\"result\":{{\"said\":{name}}}}}\n\n"
                ))
            }
            ("GET", _) => Answer::status(405),
            _ => Answer::status(202),
        }
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    let found = client.ask("server/discover", json!({"_meta": meta})).await;
    assert_eq!(
        found["result"]["supportedVersions"],
        json!(["2026-07-28"]),
        "{found}"
    );
    assert_eq!(found["result"]["capabilities"], json!({"tools": {}}));
    let listed = client.ask("tools/list", json!({"_meta": meta})).await;
    assert_eq!(listed["result"]["resultType"], "complete");
    assert_eq!(listed["result"]["cacheScope"], "private");
    let asked = client
        .ask("tools/call", json!({"name": "greet", "_meta": meta}))
        .await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let (key, question) = asked["result"]["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let answers = json!({key: {"action": "accept", "content": {"name": "Ada"}}});
    let done = client
        .ask(
            "tools/call",
            json!({
                "name": "greet", "_meta": meta, "inputResponses": answers,
                "requestState": asked["result"]["requestState"],
            }),
        )
        .await;
    assert_eq!(done["result"]["said"], "Ada", "{done}");
    assert_eq!(done["result"]["resultType"], "complete");
    eventually("the answer", || answered.lock().unwrap()["id"] == 7).await;
    let forged = client
        .ask(
            "tools/call",
            json!({"name": "greet", "_meta": meta, "requestState": "forged"}),
        )
        .await;
    assert_eq!(forged["error"]["code"], -32602);
}

#[tokio::test]
async fn a_newer_client_need_not_discover_a_server_of_the_session_era() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, seen: &Seen| {
        let body = seen.json();
        match (&*seen.method, body["method"].as_str()) {
            ("POST", Some("initialize")) => Answer::result(
                seen,
                &json!({
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "logging": {}},
                    "serverInfo": {"name": "old", "version": "1"},
                }),
            )
            .with("mcp-session-id", "s"),
            ("GET", _) => Answer::status(405),
            _ if seen.header("mcp-session-id") != "s" => Answer::status(400),
            ("POST", Some("tools/call")) => Answer::result(seen, &json!({"content": []})),
            ("POST", Some("logging/setLevel")) => Answer::result(seen, &json!({})),
            _ => Answer::status(202),
        }
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/logLevel": "info",
    });
    // Both are refused, and both are sent again in one session.
    let params = json!({"name": "t", "_meta": meta});
    let first = client.begin("tools/call", params.clone()).await;
    let second = client.begin("tools/call", params).await;
    let mut open = vec![first, second];
    while !open.is_empty() {
        let answer = client.next().await;
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        open.retain(|id| *id != answer["id"]);
    }
    assert_eq!(server.count("initialize"), 1);
    assert_eq!(server.count("server/discover"), 0);
    let methods: Vec<String> = server
        .seen()
        .iter()
        .filter(|seen| seen.header("mcp-session-id") == "s" && seen.method == "POST")
        .filter_map(|seen| seen.json()["method"].as_str().map(str::to_owned))
        .collect();
    // The session is ready before its level is set, and the level is set before the calls.
    assert_eq!(
        methods[..2],
        ["notifications/initialized", "logging/setLevel"]
    );
    assert!(client.reports.0.lock().unwrap().is_empty());
}
