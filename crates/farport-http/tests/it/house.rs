//! A service around a server that does as its requests say, and a client of it.

use std::{
    collections::HashMap,
    convert::Infallible,
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
use farport_http::{Body, Config, Limits, McpService};
use farport_testkit::VirtualRuntime;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::timeout};

/// A service, and what a test sees of the server behind it.
pub(crate) struct House {
    pub(crate) service: McpService,
    pub(crate) server: Arc<Server>,
}

/// Makes instances, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Server {
    profile: Option<Profile>,
    alive: Arc<AtomicUsize>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Server {
    /// How many instances are in memory.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    /// What a call that waits waits for.
    pub(crate) fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        let gate = gates.entry(name.to_owned());
        gate.or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }
}

struct Counted {
    server: Arc<Server>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.server.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct Counting(Arc<Server>);

impl Dispatch for Counting {
    fn profile(&self) -> &Profile {
        self.0.profile.as_ref().unwrap()
    }

    fn open(&self, _: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError> {
        self.0.alive.fetch_add(1, Ordering::SeqCst);
        let server = self.0.clone();
        Ok(Arc::new(Counted { server }))
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

impl Instance for Counted {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            let id = call.request.id.clone();
            let result = match &call.request.method {
                Method::Initialize => json!({ "protocolVersion": "2025-11-25" }),
                // Says each of its texts, waits for its gate, and answers.
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

    /// Tells the client back what it was told.
    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()> {
        let name = notified.notification.method.as_str().to_owned();
        // A session that has ended hears nothing more.
        let _ = notified.outbox.send(said(&name));
        Box::pin(std::future::ready(()))
    }

    fn param_headers(&self, _: &str) -> Arc<[ParamHeader]> {
        Arc::new([])
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(MemorySessions::new(SessionLimits::default())))
    }

    pub(crate) fn with(store: Arc<dyn SessionStore>) -> Self {
        Self::limited(store, Limits::default())
    }

    pub(crate) fn limited(store: Arc<dyn SessionStore>, limits: Limits) -> Self {
        let server = Arc::new(Server {
            profile: Some(Profile {
                versions: ProtocolVersion::ALL.to_vec(),
                server_info: RawJson::from("{}".to_owned()),
                logging: false,
                speaks_unasked: true,
            }),
            ..Server::default()
        });
        let dispatch = Arc::new(Counting(server.clone()));
        let runtime = Arc::new(VirtualRuntime::new());
        let config = Config {
            limits,
            ..Config::default()
        };
        let service = McpService::new(dispatch, store, runtime, config);
        // As a host does.
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
        let request = request
            .header("host", "localhost")
            .header("content-type", "application/json");
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.service.handle(request.body(body).unwrap()).await
    }

    /// Opens a session, and answers with its id.
    pub(crate) async fn open(&self) -> String {
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "tester", "version": "1" } } });
        let opened = self.send(post(), &message.to_string()).await;
        assert_eq!(opened.status(), StatusCode::OK);
        opened.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Asks within a session.
    pub(crate) async fn ask(
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

    /// Whether a session can be used; asking is using it.
    pub(crate) async fn has(&self, session: &str) -> bool {
        let status = self.ask(session, 1, "ping", json!({})).await.status();
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&status));
        status == StatusCode::OK
    }

    /// Tells the server something, which it tells back.
    pub(crate) async fn tell(&self, session: &str, name: &str) {
        let message = json!({ "jsonrpc": "2.0", "method": name });
        let told = self
            .send(
                post().header("mcp-session-id", session),
                &message.to_string(),
            )
            .await;
        assert_eq!(told.status(), StatusCode::ACCEPTED);
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

/// The next piece of a stream, without waiting for more than a day.
pub(crate) async fn next(body: &mut Body) -> Option<String> {
    let frame = timeout(Duration::from_secs(86_400), body.frame()).await;
    let frame: Option<Result<_, Infallible>> = frame.expect("nothing came for a day");
    let data = frame?.unwrap().into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}
