//! A server that is restarted, a process that ends, and calls that require input.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use farport_ui::Target;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::Page;

/// A server with sessions. Each start knows only the sessions that it opened.
async fn start(port: u16, name: &'static str) -> (u16, JoinHandle<()>) {
    let mut waited = 0;
    let listener = loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => break listener,
            Err(error) => assert!(waited < 100, "{error}"),
        }
        waited += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let port = listener.local_addr().unwrap().port();
    let answer = move |headers: axum::http::HeaderMap, body: String| async move {
        let message: Value = serde_json::from_str(&body).unwrap();
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let session = headers
            .get("mcp-session-id")
            .map(|id| id.to_str().unwrap().to_owned());
        if method == "server/discover" {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if method != "initialize" && session.as_deref() != Some(name) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let Some(id) = message.get("id") else {
            return StatusCode::ACCEPTED.into_response();
        };
        let result = match &*method {
            "initialize" => json!({
                "protocolVersion": "2025-11-25",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": name, "version": "1" },
            }),
            _ => json!({ "content": [{ "type": "text", "text": name }] }),
        };
        let mut response: Response =
            Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response();
        response
            .headers_mut()
            .insert("mcp-session-id", name.parse().unwrap());
        // The connections of a server that is aborted would live on.
        response
            .headers_mut()
            .insert("connection", "close".parse().unwrap());
        response
    };
    let app = Router::new().route(
        "/mcp",
        post(answer).get(|| async { StatusCode::METHOD_NOT_ALLOWED }),
    );
    let server = tokio::spawn(async move {
        axum::serve(listener, app).await.unwrap();
    });
    (port, server)
}

#[tokio::test]
async fn a_restarted_server_is_used_again_and_the_page_shows_it() {
    let (port, server) = start(0, "first").await;
    let target = Target::new(format!("http://127.0.0.1:{port}/mcp"), Vec::new(), false);
    let page = Page::start(Some(target)).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let call = json!({ "name": "who" });
    let answer = page.rpc(1, "tools/call", call.clone()).await;
    assert_eq!(answer["result"]["content"][0]["text"], "first");
    server.abort();
    let _ = server.await;
    let (_, _second) = start(port, "second").await;
    let answer = loop {
        let answer = page.rpc(2, "tools/call", call.clone()).await;
        if answer["result"]["content"][0]["text"] == "second" {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(answer["ms"].as_f64().unwrap() > 0.0);
    let note = events
        .next(|event| event["type"] == "note" && event["topic"] == "session")
        .await;
    assert!(note["text"].as_str().unwrap().contains("session"));
    let state = page.events().await.phase("connected").await;
    assert!(
        state["phase"]["recoveries"].as_u64().unwrap() >= 1,
        "{state}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_is_a_server_and_its_end_is_shown() {
    let script = r#"echo ready >&2; while read -r line; do
        id=$(printf '%s' "$line" | sed 's/.*"id":\("[^"]*"\).*/\1/')
        case "$line" in
            *server/discover*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}';;
            *die*) echo 'out of cheese' >&2; exit 3;;
            *) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{}}';;
        esac
    done"#;
    let words: Vec<String> = ["sh", "-c", script].map(ToOwned::to_owned).to_vec();
    let page = Page::start(Target::process(&words)).await;
    let mut events = page.events().await;
    let state = events.phase("connected").await;
    assert_eq!(state["phase"]["revision"], "2026-07-28");
    assert_eq!(state["target"]["process"][0], "sh");
    assert!(page.rpc(1, "tools/list", json!({})).await["result"].is_object());
    assert!(events.seen.contains("ready"), "its standard error is shown");
    let answer = page.rpc(2, "die", json!({})).await;
    assert!(
        answer["failed"]
            .as_str()
            .unwrap()
            .contains("exit status: 3")
    );
    let state = events.phase("failed").await;
    assert!(
        state["phase"]["why"]
            .as_str()
            .unwrap()
            .contains("out of cheese"),
        "{state}"
    );
    // The API starts no process, also not the one of the command line.
    let again = json!({ "url": state["target"]["url"] });
    assert_eq!(page.api("connect", again).await.status, 422);
}

/// A server of 2026-07-28 whose tool requires input.
async fn asking() -> String {
    let answer = |body: String| async move {
        let message: Value = serde_json::from_str(&body).unwrap();
        let params = &message["params"];
        let result = match message["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} },
            }),
            _ if params["inputResponses"].is_null() => json!({
                "resultType": "input_required",
                "requestState": "sealed",
                "inputRequests": {
                    "name": { "method": "elicitation/create", "params": { "message": "Who?" } },
                    "folders": { "method": "roots/list" },
                },
            }),
            _ => json!({ "resultType": "complete", "content": [], "received": params }),
        };
        Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let app = Router::new().route("/mcp", post(answer));
    tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener, app,
    )));
    url
}

#[tokio::test]
async fn a_call_that_requires_input_continues_with_the_answer() {
    let target = Target::new(asking().await, Vec::new(), false);
    let page = Page::start(Some(target)).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let call = page.rpc(
        1,
        "tools/call",
        json!({ "name": "greet", "arguments": { "n": 1 } }),
    );
    let answering = async {
        let state = events
            .next(|event| event["questions"][0]["method"] == "elicitation/create")
            .await;
        assert_eq!(state["questions"][0]["params"]["message"], "Who?");
        let result = json!({ "action": "accept", "content": { "name": "Alice" } });
        let number = &state["questions"][0]["number"];
        let answer = json!({ "number": number, "result": result });
        assert_eq!(page.api("answer", answer).await.status, 204);
    };
    let (answer, ()) = tokio::join!(call, answering);
    let received = &answer["result"]["received"];
    assert_eq!(
        received["inputResponses"]["name"]["content"]["name"],
        "Alice"
    );
    assert_eq!(received["inputResponses"]["folders"]["roots"], json!([]));
    assert_eq!(received["requestState"], "sealed");
    assert_eq!(received["arguments"]["n"], 1);
}

#[tokio::test]
async fn a_question_ends_with_its_call() {
    let target = Target::new(asking().await, Vec::new(), false);
    let page = Page::start(Some(target)).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let call = page.rpc(1, "tools/call", json!({ "name": "greet" }));
    let cancelling = async {
        events
            .next(|event| {
                event["questions"]
                    .as_array()
                    .is_some_and(|all| !all.is_empty())
            })
            .await;
        page.api("cancel", json!({ "id": 1 })).await;
    };
    let (answer, ()) = tokio::join!(call, cancelling);
    assert_eq!(answer["cancelled"], true);
    events
        .next(|event| event["type"] == "state" && event["questions"] == json!([]))
        .await;
}
