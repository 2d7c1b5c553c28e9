//! A client for tests of a server, which calls its HTTP service without a socket.
//!
//! ```
//! # use rmcp::ServerHandler;
//! # struct Greeter;
//! # impl ServerHandler for Greeter {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), farport::testing::CallError> {
//! let client = farport::testing::Client::new(farport::Server::new(|_| Greeter));
//! let server = client.request("server/discover", serde_json::json!({})).await?;
//! assert!(server["supportedVersions"].is_array());
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{
    BoxFuture, Principal, ProtocolVersion, UpstreamToken, UpstreamTokenError, User,
};
use farport_http::McpService;
use http::{
    HeaderValue, Request, Uri, header,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt, Full};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client;
use crate::{Server, Storage};

/// A client of the newest revision, in the same process.
///
/// With `FARPORT_TEST_URL` in the environment, such as `http://localhost:8787`, it calls the server that
/// runs at that URL instead. So the same tests can check a deployed server.
///
/// ```
/// # use rmcp::{ServerHandler, model::ServerConfig};
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = farport::testing::Client::new(farport::Server::new(|_| Greeter));
/// let discovered = client.request("server/discover", serde_json::json!({})).await.unwrap();
/// assert_eq!(discovered["supportedVersions"][0], "2024-11-05");
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    server: Result<Target, String>,
    principal: Principal,
}

/// The server that a client calls.
#[derive(Debug)]
enum Target {
    /// A service in this process.
    Local(McpService),
    /// A server at a URL.
    Remote(Uri),
}

/// The variable with the URL of the server to test.
const TEST_URL: &str = "FARPORT_TEST_URL";

/// Returns an identity provider's access token that never changes, for [`User::upstream`].
pub fn upstream_token(token: impl Into<SecretString>) -> Arc<dyn UpstreamToken> {
    Arc::new(StaticToken(token.into()))
}

struct StaticToken(SecretString);

impl UpstreamToken for StaticToken {
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// An error of a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server responded with an error.
    #[error("the server responded with error {code}: {message}")]
    Rpc {
        /// The JSON-RPC error code.
        code: i64,
        /// The error's text.
        message: String,
        /// The error's `data`; null if it has none.
        data: Value,
    },
    /// The server did not respond with a JSON-RPC message.
    #[error("the server responded with HTTP {status} and no message: {body}")]
    NoMessage {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The server could not start, or did not respond.
    #[error("cannot call the server: {0}")]
    Server(String),
}

impl Client {
    /// Creates a client of `server`, or of the server at `FARPORT_TEST_URL`.
    pub fn new(server: Server) -> Self {
        match std::env::var(TEST_URL) {
            Ok(url) if !url.is_empty() => Self::at(&url),
            _ => Self {
                // In memory, so that a test leaves no files behind.
                server: server
                    .store(Storage::Memory)
                    .service()
                    .map(Target::Local)
                    .map_err(|error| format!("{error:?}")),
                principal: Principal::Anonymous,
            },
        }
    }

    /// Creates a client of the server at `url`: `http://` with a host and an optional port. A test
    /// cannot [sign a user in](Self::signed_in) there.
    pub fn at(url: &str) -> Self {
        let parsed = url.parse::<Uri>().ok();
        let plain = parsed.filter(|url| {
            url.scheme() == Some(&Scheme::HTTP) && url.host().is_some() && url.path() == "/"
        });
        Self {
            server: plain
                .map(Target::Remote)
                .ok_or_else(|| format!("{url:?} is not a URL like http://localhost:8787")),
            principal: Principal::Anonymous,
        }
    }

    /// Calls as this user, as if the user had signed in.
    #[must_use]
    pub fn signed_in(mut self, user: User) -> Self {
        self.principal = Principal::User(Arc::new(user));
        self
    }

    /// Calls a tool and returns the `result` object. If the tool fails, its `isError` is true.
    ///
    /// # Errors
    /// When the call has no result.
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, CallError> {
        self.request(
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
        )
        .await
    }

    /// Sends a request. `params` is an object, and the client adds the metadata that every request
    /// requires.
    ///
    /// # Errors
    /// When the request has no result.
    pub async fn request(&self, method: &str, mut params: Value) -> Result<Value, CallError> {
        let server = self
            .server
            .as_ref()
            .map_err(|error| CallError::Server(error.clone()))?;
        let version = ProtocolVersion::V2026_07_28.as_str();
        let mut request = Request::post("/mcp")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", version)
            .header("mcp-method", method);
        let name = ["name", "uri", "taskId"]
            .into_iter()
            .find_map(|key| params.get(key)?.as_str());
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        if let Some(params) = params.as_object_mut() {
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = version.into();
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
            meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "test", "version": "0" });
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| CallError::Server(error.to_string()))?;
        let (status, bytes) = self.send(server, request).await?;
        response(&bytes).ok_or_else(|| CallError::NoMessage {
            status,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })?
    }
}

impl Client {
    /// Sends a request, and reads the whole response.
    async fn send(
        &self,
        server: &Target,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(u16, Bytes), CallError> {
        let unreachable = |error: String| CallError::Server(error);
        match server {
            Target::Local(service) => {
                let host = HeaderValue::from_static("localhost");
                request.headers_mut().insert(header::HOST, host);
                request.extensions_mut().insert(self.principal.clone());
                let response = service.handle(request).await;
                let status = response.status().as_u16();
                let body = response.into_body().collect().await;
                // The body never fails.
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                Ok((status, body))
            }
            Target::Remote(_) if self.principal != Principal::Anonymous => Err(unreachable(
                "a test cannot sign a user in at a remote server".to_owned(),
            )),
            Target::Remote(url) => {
                let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
                let authority = url.authority().map(Authority::as_str).unwrap_or_default();
                let named = HeaderValue::from_str(authority)
                    .map_err(|error| unreachable(error.to_string()))?;
                request.headers_mut().insert(header::HOST, named);
                let port = url.port_u16().unwrap_or(80);
                let response = client::send(host, port, request)
                    .await
                    .map_err(|error| unreachable(format!("{url}: {error}")))?;
                let status = response.status().as_u16();
                let body = response
                    .into_body()
                    .collect()
                    .await
                    .map_err(|error| unreachable(format!("{url}: {error}")))?;
                Ok((status, body.to_bytes()))
            }
        }
    }
}

/// Returns the JSON-RPC response in a body: the JSON, or the last event of a stream.
fn response(bytes: &[u8]) -> Option<Result<Value, CallError>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back();
    let mut message: Value = serde_json::from_str(last.unwrap_or(text)).ok()?;
    if let Some(result) = message.get_mut("result") {
        return Some(Ok(result.take()));
    }
    let error = message.get("error")?;
    Some(Err(CallError::Rpc {
        code: error.get("code")?.as_i64()?,
        message: error.get("message")?.as_str()?.to_owned(),
        data: error.get("data").cloned().unwrap_or_default(),
    }))
}
