//! The state of a session.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use farport::{Server, SessionState, Storage};
use farport_http::McpService;
use http::Request;
use http_body_util::{BodyExt, Full};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
        ServerConfig,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

struct Counter {
    total: SessionState<i64>,
}

impl ServerHandler for Counter {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let a = arguments.get("a").and_then(Value::as_i64).unwrap_or(0);
        let total = self.total.update(|total| {
            *total += a;
            *total
        });
        let said = match total.await {
            Ok(total) => total.to_string(),
            Err(error) => error.to_string(),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}

fn service(database: &Path) -> McpService {
    let server = Server::new(|cx| Counter { total: cx.state() });
    let store = Storage::Sqlite(database.to_owned());
    server.store(store).service().unwrap()
}

/// Calls the tool in `session`. Returns the result, and the session that the call opened.
async fn ask(
    service: &McpService,
    session: Option<&str>,
    method: &str,
    params: Value,
) -> (Value, Option<String>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string())));
    let response = service.handle(request.unwrap()).await;
    let opened = response.headers().get("mcp-session-id");
    let opened = opened.map(|id| id.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (serde_json::from_slice(&body).unwrap(), opened)
}

async fn open(service: &McpService) -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let (_, session) = ask(service, None, "initialize", params).await;
    session.unwrap()
}

async fn add(service: &McpService, session: &str, a: i64) -> String {
    let params = json!({ "name": "add", "arguments": { "a": a } });
    let (answer, _) = ask(service, Some(session), "tools/call", params).await;
    match answer["result"]["content"][0]["text"].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("{answer}"),
    }
}

#[tokio::test]
async fn a_handler_has_the_state_of_its_session_only() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder.path().join("state.db"));
    let (one, other) = (open(&service).await, open(&service).await);
    assert_eq!(add(&service, &one, 2).await, "2");
    assert_eq!(add(&service, &one, 3).await, "5");
    assert_eq!(add(&service, &other, 1).await, "1");
}

#[tokio::test]
async fn state_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let before = service(&database);
    let session = open(&before).await;
    assert_eq!(add(&before, &session, 2).await, "2");
    drop(before);
    let after = service(&database);
    assert_eq!(add(&after, &session, 3).await, "5");
}

#[tokio::test]
async fn concurrent_calls_lose_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder.path().join("state.db"));
    let session = open(&service).await;
    let calls = (0..50).map(|_| add(&service, &session, 1));
    futures_util::future::join_all(calls).await;
    assert_eq!(add(&service, &session, 0).await, "50");
}
