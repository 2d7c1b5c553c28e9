//! A service around a scripted server, and helpers to call it.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use farport_core::{
    BoxFuture, Call, Dispatch, Instance, InstanceContext, MemorySessions, Method, Notified,
    Outgoing, Profile, ProtocolVersion, RawJson, Reply, RpcError, SessionLimits, SessionStore,
    Sink, frame, standard_headers::ParamHeader,
};
use farport_http::{Auth, Body, Config, Limits, McpService};
use farport_testkit::VirtualRuntime;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::timeout};

/// A service and the server behind it.
pub(crate) struct Fixture {
    pub(crate) service: McpService,
    pub(crate) server: Arc<Server>,
}

/// A server that counts its live instances.
#[derive(Debug, Default)]
pub(crate) struct Server {
    profile: Option<Profile>,
    alive: Arc<AtomicUsize>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Server {
    /// Returns the number of live instances.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    /// Returns the gate of this name, which calls wait for.
    pub(crate) fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        let gate = gates.entry(name.to_owned());
        gate.or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }
}

struct CountedInstance {
    server: Arc<Server>,
}

impl Drop for CountedInstance {
    fn drop(&mut self) {
        self.server.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

struct CountingDispatch(Arc<Server>);

impl Dispatch for CountingDispatch {
    fn profile(&self) -> &Profile {
        self.0.profile.as_ref().unwrap()
    }

    fn open(&self, _: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError> {
        self.0.alive.fetch_add(1, Ordering::SeqCst);
        let server = self.0.clone();
        Ok(Arc::new(CountedInstance { server }))
    }
}

fn said(text: &str) -> Outgoing {
    let message =
        json!({ "jsonrpc": "2.0", "method": "notifications/said", "params": { "text": text } });
    Outgoing {
        frame: Bytes::from(message.to_string()),
        level: None,
    }
}

impl Instance for CountedInstance {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            let id = call.request.id.clone();
            let result = match &call.request.method {
                Method::Initialize => {
                    let params: Value = call.request.params.unwrap().parse().unwrap();
                    json!({ "protocolVersion": params["protocolVersion"] })
                }
                // Sends each of its texts, waits for its gate, and responds.
                Method::Other(name) if **name == *"say" => {
                    let params: Value = call.request.params.unwrap().parse().unwrap();
                    if let Sink::Call(outbox) = &call.context.sink {
                        for text in params["texts"].as_array().unwrap() {
                            outbox.send(said(text.as_str().unwrap())).unwrap();
                        }
                    }
                    if let Some(gate) = params["gate"].as_str() {
                        let gate = self.server.gate(gate);
                        gate.acquire().await.unwrap().forget();
                    }
                    json!({ "said": params["texts"] })
                }
                _ => json!({}),
            };
            frame::response(&id, &result, None).map_err(|_| RpcError::internal())
        })
    }

    /// Sends the notification's method back to the client, and waits for the gate in its parameters.
    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()> {
        let name = notified.notification.method.as_str().to_owned();
        // Fails if the session has ended.
        let _ = notified.outbox.send(said(&name));
        let params = notified.notification.params;
        let params: Option<Value> = params.map(|params| params.parse().unwrap());
        let gate = params.and_then(|params| Some(self.server.gate(params["gate"].as_str()?)));
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
        })
    }

    fn param_headers(&self, _: &str) -> Arc<[ParamHeader]> {
        Arc::new([])
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(MemorySessions::new(SessionLimits::default())))
    }

    pub(crate) fn with(store: Arc<dyn SessionStore>) -> Self {
        Self::limited(store, Limits::default())
    }

    pub(crate) fn limited(store: Arc<dyn SessionStore>, limits: Limits) -> Self {
        Self::build(store, limits, None)
    }

    /// Creates a protected service at `https://mcp.example`.
    pub(crate) fn protected(auth: Auth) -> Self {
        let store = Arc::new(MemorySessions::new(SessionLimits::default()));
        Self::build(store, Limits::default(), Some(auth))
    }

    fn build(store: Arc<dyn SessionStore>, limits: Limits, auth: Option<Auth>) -> Self {
        let server = Arc::new(Server {
            profile: Some(Profile {
                versions: ProtocolVersion::ALL.to_vec(),
                server_info: RawJson::from("{}".to_owned()),
                logging: false,
                sends_unprompted: true,
            }),
            ..Server::default()
        });
        let dispatch = Arc::new(CountingDispatch(server.clone()));
        let runtime = Arc::new(VirtualRuntime::new());
        let config = Config {
            limits,
            ..Config::default()
        };
        let service = match auth {
            Some(auth) => McpService::protected(dispatch, store, runtime, config, auth),
            None => McpService::new(dispatch, store, runtime, config),
        };
        // As hosts do.
        let tidied = service.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(McpService::TIDY_EVERY).await;
                tidied.tidy().await;
            }
        });
        Self { service, server }
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &str) -> Response<Body> {
        self.send_from(None, request, body).await
    }

    pub(crate) async fn send_from(
        &self,
        address: Option<IpAddr>,
        request: http::request::Builder,
        body: &str,
    ) -> Response<Body> {
        let request = request
            .header("host", "localhost")
            .header("content-type", "application/json");
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).unwrap();
        self.service.handle_from(request, address).await
    }

    /// Opens a session, and returns its id.
    pub(crate) async fn open(&self) -> String {
        self.open_as("2025-11-25").await
    }

    /// Opens a session of this revision.
    pub(crate) async fn open_as(&self, version: &str) -> String {
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": { "name": "tester", "version": "1" } } });
        let opened = self.send(post(), &message.to_string()).await;
        assert_eq!(opened.status(), StatusCode::OK);
        opened.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Sends a request of a session.
    pub(crate) async fn call(
        &self,
        session: &str,
        id: i64,
        method: &str,
        params: Value,
    ) -> Response<Body> {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(
            post().header("mcp-session-id", session),
            &message.to_string(),
        )
        .await
    }

    /// Reports whether a session exists. This also uses the session.
    pub(crate) async fn has(&self, session: &str) -> bool {
        let status = self.call(session, 1, "ping", json!({})).await.status();
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&status));
        status == StatusCode::OK
    }

    /// Sends a notification, which the server sends back.
    pub(crate) async fn notify(&self, session: &str, name: &str) {
        self.notify_with(session, name, json!({})).await;
    }

    /// Sends a notification with parameters.
    pub(crate) async fn notify_with(&self, session: &str, name: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": name, "params": params });
        let accepted = self
            .send(
                post().header("mcp-session-id", session),
                &message.to_string(),
            )
            .await;
        assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    }

    pub(crate) async fn listen(&self, session: &str, last: Option<&str>) -> Response<Body> {
        let mut get = Request::get("/mcp")
            .header("accept", "text/event-stream")
            .header("mcp-session-id", session);
        if let Some(last) = last {
            get = get.header("last-event-id", last);
        }
        self.send(get, "").await
    }

    pub(crate) async fn end(&self, session: &str) -> StatusCode {
        let delete = Request::delete("/mcp").header("mcp-session-id", session);
        self.send(delete, "").await.status()
    }
}

pub(crate) fn post() -> http::request::Builder {
    Request::post("/mcp").header("accept", "application/json, text/event-stream")
}

/// Returns the next chunk of a stream. Waits for a day at most.
pub(crate) async fn next(body: &mut Body) -> Option<String> {
    let frame = timeout(Duration::from_secs(86_400), body.frame()).await;
    let frame: Option<Result<_, Infallible>> = frame.expect("no chunk for a day");
    let data = frame?.unwrap().into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}
