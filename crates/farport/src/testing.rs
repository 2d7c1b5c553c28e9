//! For the tests of a server: calls through the real HTTP service, without a socket.

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

use crate::{Server, Storage, client};

/// A client of the newest revision, in the same process.
///
/// With `FARPORT_TEST_URL` in the environment, as in `http://localhost:8787`, it speaks to the server
/// that runs there instead: the same tests show whether that one works, wherever it has come from.
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
    server: Result<Reach, String>,
    principal: Principal,
}

/// How a server is reached.
#[derive(Debug)]
enum Reach {
    /// In this process.
    Here(McpService),
    /// Over a network.
    There(Uri),
}

/// Names the server that tests speak to in place of one of their own.
const TEST_URL: &str = "FARPORT_TEST_URL";

/// An identity provider's access token that stays as it is, for [`User::upstream`].
pub fn upstream_token(token: impl Into<SecretString>) -> Arc<dyn UpstreamToken> {
    Arc::new(Unchanging(token.into()))
}

struct Unchanging(SecretString);

impl UpstreamToken for Unchanging {
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// Why a call did not come to a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server answered with an error.
    #[error("the server answered with error {code}: {message}")]
    Rpc {
        /// The JSON-RPC error code.
        code: i64,
        /// The error's text.
        message: String,
        /// The error's `data`, null when there is none.
        data: Value,
    },
    /// The server did not answer with a JSON-RPC message.
    #[error("the server answered with HTTP {status} and no message: {body}")]
    NoMessage {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The server could not be made, or not be reached.
    #[error("there is no server: {0}")]
    Server(String),
}

impl Client {
    /// A client of `server`, or of the one that `FARPORT_TEST_URL` names.
    pub fn new(server: Server) -> Self {
        match std::env::var(TEST_URL) {
            Ok(url) if !url.is_empty() => Self::at(&url),
            _ => Self {
                // Whatever the settings say: a test leaves nothing behind.
                server: server
                    .store(Storage::Memory)
                    .service()
                    .map(Reach::Here)
                    .map_err(|error| error.to_string()),
                principal: Principal::Anonymous,
            },
        }
    }

    /// A client of the server that runs at `url`, `http://` with a host and maybe a port. Nobody can be
    /// [signed in](Self::signed_in) there by a test.
    pub fn at(url: &str) -> Self {
        let parsed = url.parse::<Uri>().ok();
        let plain = parsed.filter(|url| {
            url.scheme() == Some(&Scheme::HTTP) && url.host().is_some() && url.path() == "/"
        });
        Self {
            server: plain
                .map(Reach::There)
                .ok_or_else(|| format!("{url:?} is not like http://localhost:8787")),
            principal: Principal::Anonymous,
        }
    }

    /// The client of a user who has signed in, as a server with sign-in sees them.
    #[must_use]
    pub fn signed_in(mut self, user: User) -> Self {
        self.principal = Principal::User(Arc::new(user));
        self
    }

    /// Calls a tool. Answers with the `result` object, which says `isError` where the tool failed.
    ///
    /// # Errors
    /// When the call does not come to a result.
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, CallError> {
        self.request(
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
        )
        .await
    }

    /// Sends a request. `params` is an object, to which the metadata is added that every request
    /// has to carry.
    ///
    /// # Errors
    /// When the request does not come to a result.
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
        answer(&bytes).ok_or_else(|| CallError::NoMessage {
            status,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })?
    }
}

impl Client {
    /// Sends a request, and takes all of its answer.
    async fn send(
        &self,
        server: &Reach,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(u16, Bytes), CallError> {
        let unreachable = |error: String| CallError::Server(error);
        match server {
            Reach::Here(service) => {
                let host = HeaderValue::from_static("localhost");
                request.headers_mut().insert(header::HOST, host);
                request.extensions_mut().insert(self.principal.clone());
                let answer = service.handle(request).await;
                let status = answer.status().as_u16();
                let body = answer.into_body().collect().await;
                // The body's error is one that cannot happen.
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                Ok((status, body))
            }
            Reach::There(_) if self.principal != Principal::Anonymous => Err(unreachable(
                "a test can sign nobody in at a server that runs elsewhere".to_owned(),
            )),
            Reach::There(url) => {
                let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
                let authority = url.authority().map(Authority::as_str).unwrap_or_default();
                let named = HeaderValue::from_str(authority)
                    .map_err(|error| unreachable(error.to_string()))?;
                request.headers_mut().insert(header::HOST, named);
                let port = url.port_u16().unwrap_or(80);
                let answer = client::send(host, port, request)
                    .await
                    .map_err(|error| unreachable(format!("{url}: {error}")))?;
                let status = answer.status().as_u16();
                let body = answer
                    .into_body()
                    .collect()
                    .await
                    .map_err(|error| unreachable(format!("{url}: {error}")))?;
                Ok((status, body.to_bytes()))
            }
        }
    }
}

/// The response among what came back: a JSON body, or the last event of a stream.
fn answer(bytes: &[u8]) -> Option<Result<Value, CallError>> {
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
