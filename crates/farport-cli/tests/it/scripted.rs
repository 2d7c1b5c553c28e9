//! An MCP server of 2026-07-28 with one of everything that the command line shows: a tool that asks, one
//! with an enum, log messages, and a subscription. It breaks some rules.

use std::net::Ipv4Addr;
use std::thread;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The server. Dropping it stops it.
pub(crate) struct Scripted {
    pub(crate) url: String,
    _stop: oneshot::Sender<()>,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                sender.send(listener.local_addr().unwrap().port()).unwrap();
                let router = Router::new().fallback(answer);
                tokio::select! {
                    served = axum::serve(listener, router).into_future() => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let port = receiver.recv().unwrap();
        Self {
            url: format!("http://127.0.0.1:{port}/mcp"),
            _stop: stop,
        }
    }
}

async fn answer(headers: HeaderMap, body: String) -> Response {
    let Ok(request) = serde_json::from_str::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, params) = (&request["id"], &request["params"]);
    let respond = |status: StatusCode, member: &str, value: Value| {
        let mut response = json!({ "jsonrpc": "2.0", "id": id });
        response[member] = value;
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (status, kind, response.to_string()).into_response()
    };
    let result = |value: Value| respond(StatusCode::OK, "result", value);
    match request["method"].as_str().unwrap_or_default() {
        "server/discover" if headers.contains_key("mcp-method") => result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
        })),
        "tools/list" => result(json!({
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "tools": [
                { "name": "ask", "description": "Asks.", "inputSchema": { "type": "object" } },
                { "name": "weather", "inputSchema": {
                    "type": "object",
                    "properties": {
                        "city": { "type": "string" },
                        "days": { "type": "integer" },
                        "unit": { "enum": ["celsius", "kelvin"] },
                    },
                    "required": ["city"],
                } },
            ],
        })),
        "tools/call" if params["name"] == "ask" && params["inputResponses"].is_null() => {
            result(json!({
                "resultType": "input_required",
                "requestState": "sealed",
                "inputRequests": { "who": { "method": "elicitation/create", "params": {
                    "mode": "form", "message": "Who are you?",
                    "requestedSchema": {
                        "type": "object",
                        "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
                        "required": ["name"],
                    },
                } } },
            }))
        }
        "tools/call" if params["name"] == "ask" => {
            assert_eq!(params["requestState"], "sealed");
            let text = params["inputResponses"]["who"].to_string();
            result(
                json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }] }),
            )
        }
        "tools/call" => result(json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": params["arguments"].to_string() }],
        })),
        "subscriptions/listen" => {
            let messages = [
                json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                    "params": { "notifications": params["notifications"] } }),
                json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }),
                json!({ "jsonrpc": "2.0", "id": id, "result": { "resultType": "complete" } }),
            ];
            let events = messages
                .map(|message| format!("data: {message}\n\n"))
                .concat();
            ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
        }
        method => respond(
            StatusCode::NOT_FOUND,
            "error",
            json!({ "code": -32601, "message": format!("no method {method}") }),
        ),
    }
}
