//! Handlers never see the credentials of a request.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use farport::{ApiToken, Server, Storage};
use farport_core::{Principal, User};
use farport_http::McpService;
use http::{Request, StatusCode, request::Parts};
use http_body_util::Full;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{InitializeRequestParams, InitializeResult, ServerCapabilities, ServerConfig},
    service::{NotificationContext, RequestContext},
};
use serde_json::json;

/// Returns the names of the headers that handlers have seen.
type Seen = Arc<Mutex<Vec<String>>>;

struct Watching(Seen);

impl Watching {
    fn note(&self, parts: Option<&Parts>) {
        if let Some(parts) = parts {
            let names = parts.headers.keys().map(|name| name.as_str().to_owned());
            self.0.lock().unwrap().extend(names);
        }
    }
}

impl ServerHandler for Watching {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn initialize(
        &self,
        _: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        self.note(context.extensions.get::<Parts>());
        Ok(self.get_info())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.note(context.extensions.get::<Parts>());
    }

    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.note(context.extensions.get::<Parts>());
        Ok(())
    }
}

fn service(database: &Path, seen: &Seen) -> McpService {
    let seen = seen.clone();
    let server = Server::new(move |_| Watching(seen.clone())).auth(ApiToken);
    let store = Storage::Sqlite(database.to_owned());
    server.store(store).service().unwrap()
}

/// Sends a request as the user, with every credential that a client could send.
async fn send(
    service: &McpService,
    request: http::request::Builder,
    body: &str,
) -> http::Response<farport_http::Body> {
    let ann = User::new("https://issuer.example", "ann");
    let mut request = request
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("cookie", "session=secret")
        .header("authorization", "Bearer secret")
        .header("proxy-authorization", "Basic secret")
        .header("x-seen", "1")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    request
        .extensions_mut()
        .insert(Principal::User(Arc::new(ann)));
    service.handle(request).await
}

#[tokio::test]
async fn no_handler_of_a_resumed_session_sees_credentials() {
    for method in ["POST", "GET", "DELETE"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("state.db");
        let seen = Seen::default();
        let before = service(&database, &seen);
        let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "tester", "version": "1" } } });
        let opened = send(&before, Request::post("/mcp"), &opening.to_string()).await;
        assert_eq!(opened.status(), StatusCode::OK);
        let session = opened.headers()["mcp-session-id"].clone();
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let post = Request::post("/mcp").header("mcp-session-id", &session);
        send(&before, post, &ready.to_string()).await;
        drop(before);
        // Another process resumes the session with the next request.
        let after = service(&database, &seen);
        let handled = seen.lock().unwrap().len();
        let request = Request::builder().method(method).uri("/mcp");
        let request = request.header("mcp-session-id", &session);
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let response = send(&after, request, &ping.to_string()).await;
        assert!(response.status().is_success(), "{method}");
        let seen = seen.lock().unwrap().clone();
        assert!(
            seen.len() > handled,
            "{method}: a new handler has seen a request"
        );
        assert!(seen.contains(&"x-seen".to_owned()));
        for secret in ["cookie", "authorization", "proxy-authorization"] {
            assert!(!seen.contains(&secret.to_owned()), "{method} {secret}");
        }
    }
}
