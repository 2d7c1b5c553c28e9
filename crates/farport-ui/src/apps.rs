//! MCP Apps: the views of a server's `ui://` resources (SEP-1865).
//!
//! A view is a page that the MCP server wrote, so it never shares an origin with the inspector. A
//! second listener serves it under another host name and another port. The inspector's page loads
//! `/proxy` there, and the proxy loads the view at a URL that works once. The view's response carries
//! its Content-Security-Policy with `sandbox`, so it has an opaque origin even outside of a frame.

mod policy;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use self::policy::{Declared, Policy};
use crate::Error;
use crate::state::lock;
use crate::token::Token;

/// The largest request with a view, in bytes.
const LARGEST_VIEW: usize = 16 * 1024 * 1024;
/// The most views that wait for their frame. The oldest makes room.
const MOST_WAITING: usize = 8;
/// How often another port is tried, when ::1 has a program on the first one.
const ATTEMPTS: usize = 8;
const SECURITY_POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
const ALLOWLIST: HeaderName = HeaderName::from_static("connection-allowlist");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

const PROXY: &[u8] = include_bytes!("../ui/apps/proxy.html");
const SCRIPT: &[u8] = include_bytes!("../ui/apps/proxy.js");
const STYLE: &[u8] = include_bytes!("../ui/apps/proxy.css");

/// The views that wait for their frame.
pub(crate) struct Apps {
    /// The port of the second listener.
    port: u16,
    /// The port of the inspector's page.
    page: u16,
    waiting: Mutex<VecDeque<View>>,
}

/// A view that no frame has loaded yet.
struct View {
    id: Token,
    policy: HeaderValue,
    allowlist: HeaderValue,
    html: Bytes,
}

/// Listens for views on both loopback addresses. Browsers choose between them for `localhost`, so no
/// other program may have the port on either.
pub(crate) async fn listen() -> Result<(Vec<TcpListener>, u16), Error> {
    let refused = |source| Error::Listen { port: 0, source };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(refused)?;
        let port = first.local_addr().map_err(refused)?.port();
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(second) => return Ok((vec![first, second], port)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {}
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(refused(error));
            }
            Err(_) => return Ok((vec![first], port)),
        }
    }
}

impl Apps {
    pub(crate) fn new(port: u16, page: u16) -> Arc<Self> {
        Arc::new(Self {
            port,
            page,
            waiting: Mutex::default(),
        })
    }

    /// Keeps a view until its frame loads it. Returns its path.
    fn add(&self, policy: &Policy, html: Bytes) -> Result<String, String> {
        let header = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        let id = Token::random().map_err(|error| error.to_string())?;
        let view = View {
            policy: header(&policy.header)?,
            allowlist: header(&policy.allowlist)?,
            id,
            html,
        };
        let path = format!("/view/{}", view.id.expose());
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(view);
        Ok(path)
    }

    /// Removes a view. A second request does not find it.
    fn take(&self, id: &str) -> Option<View> {
        let mut waiting = lock(&self.waiting);
        let at = waiting
            .iter()
            .position(|view| view.id.matches(id.as_bytes()))?;
        waiting.remove(at)
    }

    /// The origins of the inspector's page, which may show the proxy.
    fn pages(&self) -> String {
        let page = self.page;
        format!("http://127.0.0.1:{page} http://localhost:{page}")
    }

    /// The policy of the proxy: it runs its own script, and shows views of this listener only. That
    /// also stops a view that navigates its own frame elsewhere.
    fn proxy_policy(&self) -> String {
        let port = self.port;
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; \
             frame-src http://localhost:{port}/view/ http://127.0.0.1:{port}/view/; \
             frame-ancestors {}; base-uri 'none'; form-action 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            self.pages()
        )
    }

    /// Checks that a browser loads this into a frame, under one of the two names.
    fn admits(&self, request: &Request) -> bool {
        let headers = request.headers();
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let known = host
            .and_then(|host| host.rsplit_once(':'))
            .is_some_and(|(name, port)| {
                matches!(name, "localhost" | "127.0.0.1") && port == self.port.to_string()
            });
        let document = matches!(request.uri().path(), "/proxy.js" | "/proxy.css");
        let framed = headers
            .get(FETCH_DEST)
            .is_some_and(|dest| dest.as_bytes() == b"iframe");
        known && (document || framed)
    }
}

/// The route of the API that takes a view.
pub(crate) fn api(apps: Arc<Apps>) -> Router {
    Router::new()
        .route("/api/app", post(open))
        .layer(DefaultBodyLimit::max(LARGEST_VIEW))
        .with_state(apps)
}

/// A view, and the access that its server declares for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    html: String,
    #[serde(default)]
    csp: Declared,
}

async fn open(Shared(apps): Shared<Arc<Apps>>, body: Bytes) -> Response {
    let wanted: Open = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("the request is invalid: {error}");
            return (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response();
        }
    };
    let own = [apps.page, apps.port];
    let policy = policy::build(&wanted.csp, &own, &apps.pages(), apps.port);
    tracing::debug!(policy = %policy.header, "the view's Content-Security-Policy");
    match apps.add(&policy, Bytes::from(wanted.html)) {
        Ok(path) => Json(json!({
            "port": apps.port,
            "path": path,
            "policy": policy.header,
            "granted": policy.granted,
            "refused": policy.refused,
        }))
        .into_response(),
        Err(message) => {
            let body = Json(json!({ "message": message }));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

/// What the second listener serves.
pub(crate) fn routes(apps: Arc<Apps>) -> Router {
    let file = |kind, bytes: &'static [u8]| {
        get(move || async move { ([(header::CONTENT_TYPE, kind)], bytes) })
    };
    Router::new()
        .route("/proxy", get(proxy))
        .route("/proxy.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/proxy.css", file("text/css; charset=utf-8", STYLE))
        .route("/view/{id}", get(view))
        .layer(from_fn_with_state(Arc::clone(&apps), guard))
        .with_state(apps)
}

async fn proxy(Shared(apps): Shared<Arc<Apps>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (SECURITY_POLICY, apps.proxy_policy()),
        (ALLOWLIST, "(response-origin)".to_owned()),
    ];
    (headers, PROXY).into_response()
}

async fn view(Shared(apps): Shared<Arc<Apps>>, Path(id): Path<String>) -> Response {
    let Some(view) = apps.take(&id) else {
        return (StatusCode::NOT_FOUND, "this view was loaded already").into_response();
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (SECURITY_POLICY, view.policy),
        (ALLOWLIST, view.allowlist),
    ];
    (headers, Body::from(view.html)).into_response()
}

/// Refuses what no frame loads, and adds the headers that every response has.
async fn guard(Shared(apps): Shared<Arc<Apps>>, request: Request, next: Next) -> Response {
    let mut response = if apps.admits(&request) {
        next.run(request).await
    } else {
        let why = "only a frame of the inspector's page loads this";
        (StatusCode::FORBIDDEN, why).into_response()
    };
    let headers = response.headers_mut();
    let sandboxed = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.entry(SECURITY_POLICY).or_insert(sandboxed);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_DNS_PREFETCH_CONTROL, "off"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), clipboard-read=(), clipboard-write=(), display-capture=(), fullscreen=(), \
             geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
