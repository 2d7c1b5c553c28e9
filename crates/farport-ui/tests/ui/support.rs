//! An inspector, an MCP server for it, and HTTP requests with exactly the headers a test wants.

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use farport_client::{CancellationToken, NoBrowser, Store};
use farport_ui::chat::ChatStart;
use farport_ui::{Handle, Inspector, SavedServer, Settings, Target};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A header value that must appear nowhere.
pub(crate) const SECRET: &str = "s3cret-of-the-user";

/// A running inspector. It ends with the test.
pub(crate) struct Page {
    pub(crate) host: String,
    pub(crate) token: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) handle: Handle,
    stop: CancellationToken,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

async fn open(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    BufReader::new(stream)
}

async fn read(mut stream: BufReader<TcpStream>) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Sends a GET request to another listener of the inspector.
pub(crate) async fn get(address: &str, path: &str, headers: &[(&str, String)]) -> Answer {
    read(open(address, "GET", path, headers, "").await).await
}

impl Page {
    pub(crate) async fn start(target: Option<Target>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        Self::start_in(folder, target, store).await
    }

    /// Starts an inspector with another store of sign-ins and keys.
    pub(crate) async fn with_store(target: Option<Target>, store: Store) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), target, store).await
    }

    async fn start_in(folder: tempfile::TempDir, target: Option<Target>, store: Store) -> Self {
        let settings = Settings {
            target,
            store,
            opener: Arc::new(NoBrowser),
            port: 0,
            saved_calls: folder.path().join("project/.farport/calls.json"),
            chat: ChatStart::default(),
            servers: Arc::new(saved_servers),
        };
        let inspector = Inspector::bind(settings).await.unwrap();
        let (origin, token) = inspector.url().split_once("/#token=").unwrap();
        let host = origin.strip_prefix("http://").unwrap().to_owned();
        let token = token.to_owned();
        let (stop, handle) = (CancellationToken::new(), inspector.handle());
        tokio::spawn(inspector.serve(stop.clone()));
        Self {
            host,
            token,
            folder,
            handle,
            stop,
        }
    }

    /// The headers that the page's own requests have.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Host", self.host.clone()),
            ("Origin", format!("http://{}", self.host)),
            ("Sec-Fetch-Site", "same-origin".to_owned()),
            ("Authorization", format!("Bearer {}", self.token)),
            ("Content-Type", "application/json".to_owned()),
        ]
    }

    /// The page's headers with one replaced, or left out where `value` is none.
    pub(crate) fn headers_but(
        &self,
        name: &str,
        value: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let mut headers = self.headers();
        match value {
            Some(value) => headers
                .iter_mut()
                .filter(|header| header.0 == name)
                .for_each(|header| header.1 = value.to_owned()),
            None => headers.retain(|header| header.0 != name),
        }
        headers
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> BufReader<TcpStream> {
        open(&self.host, method, path, headers, body).await
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Answer {
        read(self.open(method, path, headers, body).await).await
    }

    /// Calls the API as the page does.
    pub(crate) async fn api(&self, path: &str, body: Value) -> Answer {
        let path = format!("/api/{path}");
        self.send("POST", &path, &self.headers(), &body.to_string())
            .await
    }

    /// Sends JSON-RPC, and returns the answer.
    pub(crate) async fn rpc(&self, id: u64, method: &str, params: Value) -> Value {
        let body = json!({ "id": id, "method": method, "params": params });
        self.api("request", body).await.json()
    }

    /// Follows the stream of events.
    pub(crate) async fn events(&self) -> Events {
        let mut stream = self
            .open("POST", "/api/events", &self.headers(), "{}")
            .await;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        Events {
            stream,
            seen: String::new(),
        }
    }
}

/// A stream of events.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
    /// Everything that was read.
    pub(crate) seen: String,
}

impl Events {
    /// The next event that `wanted` accepts.
    pub(crate) async fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(
                self.stream.read_line(&mut line).await.unwrap() > 0,
                "the stream ended"
            );
            self.seen.push_str(&line);
            // Between the lines are the sizes of the chunks.
            if let Ok(event) = serde_json::from_str::<Value>(line.trim())
                && event.is_object()
                && wanted(&event)
            {
                return event;
            }
        }
    }

    /// Waits until the connection has this phase.
    pub(crate) async fn phase(&mut self, name: &str) -> Value {
        self.next(|event| event["type"] == "state" && event["phase"]["name"] == name)
            .await
    }
}

/// Servers from configurations: a remote one with a secret header, and a process.
fn saved_servers() -> Vec<SavedServer> {
    let server = |id: &str, target, missing: &[&str]| SavedServer {
        id: id.to_owned(),
        name: id.to_owned(),
        client: "Cursor".to_owned(),
        file: "/home/me/.cursor/mcp.json".into(),
        target,
        missing: missing.iter().map(|&name| name.to_owned()).collect(),
    };
    let words = ["sh".to_owned(), "-c".to_owned(), "exit 1".to_owned()];
    let url = SAVED.get().map_or("http://127.0.0.1:9/mcp", String::as_str);
    vec![
        server("remote", target(url), &[]),
        server("asks", target("http://127.0.0.1:9/mcp"), &["X-Other"]),
        server("process", Target::process(&words).unwrap(), &[]),
    ]
}

/// The URL of the saved server.
pub(crate) static SAVED: OnceLock<String> = OnceLock::new();

/// A target with a secret header.
pub(crate) fn target(url: &str) -> Target {
    let headers = vec![("X-Api-Key".to_owned(), SECRET.into())];
    Target::new(url.to_owned(), headers, false)
}

/// Starts an MCP server without sessions, and returns its URL. Its tool `echo` returns the
/// arguments as they arrived and the request's `X-Api-Key`.
pub(crate) async fn mcp_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let app = Router::new().route(
        "/mcp",
        post(answer).get(|| async { StatusCode::METHOD_NOT_ALLOWED }),
    );
    tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener, app,
    )));
    url
}

async fn answer(headers: HeaderMap, body: String) -> Response {
    let message: Value = serde_json::from_str(&body).unwrap();
    let Some(id) = message.get("id") else {
        return StatusCode::ACCEPTED.into_response();
    };
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "small", "version": "1" },
        }),
        "tools/list" => {
            json!({ "tools": [{ "name": "echo", "inputSchema": { "type": "object" } }] })
        }
        "tools/call" if message["params"]["name"] == "wait" => {
            std::future::pending::<()>().await;
            Value::Null
        }
        "tools/call" => {
            let key = headers.get("x-api-key").map(|key| key.to_str().unwrap());
            json!({ "content": [{ "type": "text", "text": body }], "key": key })
        }
        "ping" => json!({}),
        _ => {
            let error = json!({ "code": -32601, "message": "unknown" });
            return Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}
