//! A client with a session, and messages of a client without one.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use serde_json::{Value, json};

use super::{
    era::bearing,
    events::Events,
    http::{Ask, Response},
};

/// The revisions of streamable HTTP with sessions.
pub(crate) const SESSIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

/// The revision without sessions.
pub(crate) const MODERN: &str = "2026-07-28";

pub(crate) fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

pub(crate) fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

pub(crate) fn tool(name: &str, arguments: Value) -> Value {
    json!({ "name": name, "arguments": arguments })
}

pub(crate) fn initialize(version: &str, capabilities: Value) -> Value {
    let client = json!({ "name": "tester", "version": "1" });
    let params = json!({
        "protocolVersion": version, "capabilities": capabilities, "clientInfo": client,
    });
    request(0, "initialize", params)
}

/// A stateless tool call, with its headers.
pub(crate) fn modern_call(id: impl Into<Value>, name: &str, arguments: Value) -> Ask {
    modern(id, "tools/call", tool(name, arguments))
}

/// A stateless request, with its headers.
pub(crate) fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> Ask {
    let meta = &mut params["_meta"];
    if meta.is_null() {
        *meta = json!({});
    }
    meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "tester", "version": "1" });
    if meta
        .get("io.modelcontextprotocol/clientCapabilities")
        .is_none()
    {
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    let mut ask = Ask::post("/mcp")
        .with("mcp-protocol-version", MODERN)
        .with("mcp-method", method);
    let named = ["name", "uri", "taskId"];
    if let Some(name) = named.iter().find_map(|key| params[*key].as_str()) {
        ask = ask.with("mcp-name", name);
    }
    ask.json(&request(id, method, params))
}

/// A client with a session over streamable HTTP.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) session: String,
    pub(crate) version: &'static str,
    next: AtomicI64,
    token: Option<String>,
}

impl Client {
    /// Opens a session without capabilities.
    pub(crate) async fn open(address: SocketAddr, version: &'static str) -> Self {
        Self::open_as(address, version, json!({})).await
    }

    /// Opens a session with these capabilities.
    pub(crate) async fn open_as(
        address: SocketAddr,
        version: &'static str,
        capabilities: Value,
    ) -> Self {
        Self::open_with(address, version, capabilities, None).await
    }

    /// Opens a session with this token.
    pub(crate) async fn open_bearing(
        address: SocketAddr,
        version: &'static str,
        token: Option<&str>,
    ) -> Self {
        Self::open_with(address, version, json!({}), token).await
    }

    async fn open_with(
        address: SocketAddr,
        version: &'static str,
        capabilities: Value,
        token: Option<&str>,
    ) -> Self {
        let opening = Ask::post("/mcp").json(&initialize(version, capabilities));
        let opened = bearing(opening, token).to(address).await;
        assert_eq!(opened.status, 200);
        let session = opened.header("mcp-session-id").unwrap().to_owned();
        let result = opened.json().await;
        assert_eq!(result["result"]["protocolVersion"], version, "{result}");
        let client = Self {
            address,
            session,
            version,
            // Tests that choose their own ids use small ones.
            next: AtomicI64::new(1_000),
            token: token.map(str::to_owned),
        };
        client.notify("notifications/initialized", json!({})).await;
        client
    }

    /// Returns an id that this client has not used.
    pub(crate) fn id(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn headed(&self, ask: Ask) -> Ask {
        let ask = ask.with("mcp-session-id", &self.session);
        let ask = bearing(ask, self.token.as_deref());
        match self.version {
            "2025-03-26" => ask,
            version => ask.with("mcp-protocol-version", version),
        }
    }

    pub(crate) fn posting(&self, message: &Value) -> Ask {
        self.headed(Ask::post("/mcp")).json(message)
    }

    pub(crate) async fn post(&self, message: &Value) -> Response {
        self.posting(message).to(self.address).await
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) {
        let taken = self.post(&notification(method, params)).await;
        assert_eq!(taken.status, 202);
        assert_eq!(taken.text().await, "");
    }

    /// Responds to a request of the server.
    pub(crate) async fn answer(&self, id: &Value, result: Value) {
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        assert_eq!(self.post(&answer).await.status, 202);
    }

    /// Calls a tool.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Response {
        self.post(&request(self.id(), "tools/call", tool(name, arguments)))
            .await
    }

    /// Calls a tool that streams.
    pub(crate) async fn stream(&self, name: &str, arguments: Value) -> Events {
        self.call(name, arguments).await.events()
    }

    /// Calls a tool with a progress token. It must stream.
    pub(crate) async fn stream_progress(
        &self,
        token: impl Into<Value>,
        name: &str,
        arguments: Value,
    ) -> Events {
        let mut params = tool(name, arguments);
        params["_meta"] = json!({ "progressToken": token.into() });
        let message = request(self.id(), "tools/call", params);
        self.post(&message).await.events()
    }

    /// Opens the session's stream, or resumes a stream.
    pub(crate) async fn listen(&self, last: Option<&str>) -> Response {
        let ask = self.headed(Ask::get("/mcp"));
        let ask = match last {
            Some(last) => ask.with("last-event-id", last),
            None => ask,
        };
        ask.to(self.address).await
    }

    pub(crate) async fn delete(&self) -> u16 {
        self.headed(Ask::delete("/mcp")).status(self.address).await
    }
}

/// Returns the text of a tool's result.
pub(crate) fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{message}"))
}
