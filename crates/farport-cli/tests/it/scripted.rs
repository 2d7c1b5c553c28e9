//! An MCP server of 2026-07-28 with one of everything that the command line shows: a tool that asks, one
//! with an enum, log messages, and a subscription. It breaks some rules.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// The server. Dropping it stops it.
pub(crate) struct Scripted {
    pub(crate) url: String,
    _stop: oneshot::Sender<()>,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        Self::serve(Router::new().fallback(answer))
    }

    /// A server of 2025-11-25 with sessions. It sends notifications about a resource and its log to a client that
    /// has subscribed to both, and then ends the stream.
    pub(crate) fn in_sessions() -> Self {
        let state = Arc::new(InSession::default());
        Self::serve(Router::new().fallback(answer_in_session).with_state(state))
    }

    fn serve(router: Router) -> Self {
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

/// The session that `Scripted::in_sessions` serves.
struct InSession {
    /// One permit for the subscription, and one for the log level.
    requested: Semaphore,
    streams: AtomicU64,
}

impl Default for InSession {
    fn default() -> Self {
        Self {
            requested: Semaphore::new(0),
            streams: AtomicU64::new(0),
        }
    }
}

async fn answer_in_session(
    State(state): State<Arc<InSession>>,
    method: Method,
    body: String,
) -> Response {
    match method {
        Method::POST => {}
        Method::GET => return notifications(&state).await,
        _ => return StatusCode::NO_CONTENT.into_response(),
    }
    let Ok(request) = serde_json::from_str::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let id = &request["id"];
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let (member, value) = match request["method"].as_str().unwrap_or_default() {
        "initialize" => (
            "result",
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": { "resources": { "subscribe": true }, "logging": {} },
                "serverInfo": { "name": "scripted", "version": "1" },
            }),
        ),
        "resources/subscribe" | "logging/setLevel" => {
            state.requested.add_permits(1);
            ("result", json!({}))
        }
        "resources/read" => (
            "result",
            json!({ "contents": [{ "uri": "file:///notes.txt", "text": "buy milk" }] }),
        ),
        _ => (
            "error",
            json!({ "code": -32601, "message": "no such method" }),
        ),
    };
    let mut response = json!({ "jsonrpc": "2.0", "id": id });
    response[member] = value;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        ("mcp-session-id", "0123456789abcdef"),
    ];
    (headers, response.to_string()).into_response()
}

async fn notifications(state: &InSession) -> Response {
    let permits = state.requested.acquire_many(2).await.unwrap();
    drop(permits);
    let number = state.streams.fetch_add(1, Ordering::Relaxed) + 1;
    let log = json!({ "jsonrpc": "2.0", "method": "notifications/message",
        "params": { "level": "debug", "data": format!("stream {number}") } });
    let updated = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated",
        "params": { "uri": "file:///notes.txt" } });
    let events = format!("retry: 10\ndata: {updated}\n\ndata: {log}\n\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
}
