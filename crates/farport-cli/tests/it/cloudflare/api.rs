//! A stand-in for the part of Cloudflare's API that wrangler uses to deploy a Worker and to manage its secrets.
//! It records the requests.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "the-token-of-the-account";

/// A recorded request.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: Method,
    /// The path after the account.
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// An uploaded Worker.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) metadata: Value,
    /// The modules: name, media type, bytes.
    pub(super) modules: Vec<(String, String, Bytes)>,
}

#[derive(Debug, Default)]
struct Account {
    received: Vec<Received>,
    uploads: Vec<Upload>,
    /// The name of the Worker, after the first upload.
    worker: Option<String>,
    secrets: Vec<String>,
}

/// The stand-in. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Api {
    port: u16,
    account: Arc<Mutex<Account>>,
    _stop: oneshot::Sender<()>,
}

impl Api {
    pub(super) fn start() -> Self {
        let account = Arc::new(Mutex::new(Account::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, receiver) = std::sync::mpsc::channel();
        let state = Arc::clone(&account);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                sender.send(listener.local_addr().unwrap().port()).unwrap();
                let service = Router::new()
                    .fallback(answer)
                    .layer(DefaultBodyLimit::disable())
                    .with_state(state);
                tokio::select! {
                    served = axum::serve(listener, service).into_future() => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            port: receiver.recv().unwrap(),
            account,
            _stop: stop,
        }
    }

    /// The variables that point wrangler at the stand-in and its account.
    pub(super) fn variables(&self) -> [(&'static str, String); 3] {
        let base = format!("http://127.0.0.1:{}/client/v4", self.port);
        [
            ("CLOUDFLARE_API_BASE_URL", base),
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT.to_owned()),
        ]
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.account.lock().unwrap().received.clone()
    }

    pub(super) fn uploads(&self) -> Vec<Upload> {
        self.account.lock().unwrap().uploads.clone()
    }
}

fn success(result: Value) -> Response {
    let answer = json!({ "success": true, "errors": [], "messages": [], "result": result });
    Json(answer).into_response()
}

fn failure(status: StatusCode, code: u32, message: &str) -> Response {
    let errors = json!([{ "code": code, "message": message }]);
    let answer = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    (status, Json(answer)).into_response()
}

async fn answer(State(account): State<Arc<Mutex<Account>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let (method, uri) = (head.method.clone(), head.uri.clone());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let authorized = head
        .headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    if !authorized {
        return failure(StatusCode::FORBIDDEN, 9109, "Invalid access token");
    }
    let prefix = format!("/client/v4/accounts/{ACCOUNT}/workers/");
    let Some(path) = uri.path().strip_prefix(&prefix) else {
        return failure(StatusCode::NOT_FOUND, 7003, "Could not route the request");
    };
    account.lock().unwrap().received.push(Received {
        method: method.clone(),
        path: path.to_owned(),
        body: body.clone(),
    });
    let words: Vec<_> = path.split('/').collect();
    if let (&Method::PUT, ["scripts", name]) = (&method, &words[..]) {
        let upload = read(Request::from_parts(head, body.into())).await;
        let mut account = account.lock().unwrap();
        // A Worker that only holds secrets is not a deployment.
        if upload.metadata["main_module"] == "index.js" {
            account.uploads.push(upload);
        }
        account.worker = Some((*name).to_owned());
        return success(json!({ "id": name, "startup_time_ms": 1, "deployment_id": "d" }));
    }
    let mut account = account.lock().unwrap();
    let name = account.worker.clone();
    match (&method, &words[..]) {
        (_, ["subdomain"]) => success(json!({ "subdomain": "me" })),
        _ if name.is_none() => failure(StatusCode::NOT_FOUND, 10007, "No such Worker"),
        (&Method::GET, ["services", name]) => {
            let script = json!({ "id": name, "tag": "t", "last_deployed_from": "wrangler" });
            let environment = json!({ "environment": "production", "script": script });
            success(json!({ "id": name, "default_environment": environment }))
        }
        (&Method::GET, ["scripts", _, "settings"]) => {
            success(json!({ "bindings": [], "tags": [] }))
        }
        (&Method::GET, ["scripts", _, "deployments"]) => {
            let version = json!({ "version_id": "v", "percentage": 100 });
            let deployment = json!({
                "id": "d", "source": "wrangler", "strategy": "percentage", "author_email": "",
                "created_on": "2026-01-01T00:00:00Z", "annotations": {}, "versions": [version],
            });
            success(json!({ "deployments": [deployment] }))
        }
        (&Method::GET, ["scripts", _, "secrets"]) => {
            let named = account.secrets.iter();
            let named: Vec<_> = named
                .map(|name| json!({ "name": name, "type": "secret_text" }))
                .collect();
            success(named.into())
        }
        (&Method::PUT, ["scripts", _, "secrets"]) => {
            let secret: Value = serde_json::from_slice(&body).unwrap();
            let name = secret["name"].as_str().unwrap().to_owned();
            account.secrets.push(name.clone());
            success(json!({ "name": name, "type": "secret_text" }))
        }
        (&Method::DELETE, ["scripts", _, "secrets", name]) => {
            account.secrets.retain(|secret| secret != name);
            success(Value::Null)
        }
        (&Method::POST, ["scripts", _, "subdomain"]) => {
            success(json!({ "enabled": true, "previews_enabled": false }))
        }
        (&Method::GET, ["workers", name]) => {
            let subdomain = json!({ "enabled": false, "previews_enabled": false });
            success(json!({ "id": "w", "name": name, "subdomain": subdomain }))
        }
        _ => failure(StatusCode::NOT_FOUND, 7003, "Could not route the request"),
    }
}

async fn read(request: Request) -> Upload {
    let mut form = Multipart::from_request(request, &()).await.unwrap();
    let mut upload = Upload {
        metadata: Value::Null,
        modules: Vec::new(),
    };
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        let kind = field.content_type().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.unwrap();
        match name.as_str() {
            "metadata" => upload.metadata = serde_json::from_slice(&bytes).unwrap(),
            _ => upload.modules.push((name, kind, bytes)),
        }
    }
    upload
}
