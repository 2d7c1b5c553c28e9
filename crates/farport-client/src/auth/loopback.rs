//! The redirect URI of a sign-in (RFC 8252, section 7.3): a port of this machine, open while the
//! sign-in runs.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use url::form_urlencoded;

use super::SignInError;
use crate::Error;

/// The style of the page, which looks like the server's pages.
const STYLE: &str = include_str!("loopback.css");

/// How many ports are tried, from the usual one on.
const PORTS: u16 = 8;

/// How long a browser may take to send its request, and at the end to read the page.
const BROWSER: Duration = Duration::from_secs(5);

/// What a browser brought back.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) error: Option<String>,
    pub(super) description: Option<String>,
    /// What the browser is shown.
    pub(super) reply: Reply,
}

impl Arrival {
    /// An answer that the user gave as a code alone. PKCE ties the code to this sign-in.
    pub(super) fn of_code(code: &str, state: &str) -> Self {
        Self {
            code: Some(code.to_owned()),
            state: Some(state.to_owned()),
            issuer: None,
            error: None,
            description: None,
            reply: Reply::nowhere(),
        }
    }
}

/// Answers the browser.
#[derive(Debug)]
pub(super) struct Reply(Option<oneshot::Sender<Page>>);

impl Reply {
    /// For an answer that came without a browser.
    pub(super) const fn nowhere() -> Self {
        Self(None)
    }

    pub(super) fn send(self, page: Page) {
        if let Some(reply) = self.0 {
            // The browser may have closed the connection.
            let _ = reply.send(page);
        }
    }
}

/// What the browser is shown.
#[derive(Debug)]
pub(super) enum Page {
    Done,
    DoneAt(url::Url),
    /// The user did not allow access.
    Denied,
    /// The sign-in failed: why, and what to do next, in sentences.
    Failed(Vec<String>),
    /// It belongs to another sign-in.
    NotOurs,
}

impl Page {
    /// The page for an error.
    pub(super) fn failed(error: &Error) -> Self {
        if let Error::SignIn(SignInError::Refused { code, .. }) = error
            && code == "access_denied"
        {
            return Self::Denied;
        }
        let texts = [Some(error.to_string()), error.hint()];
        Self::Failed(texts.into_iter().flatten().map(sentence).collect())
    }
}

/// Makes a sentence of an error or a hint. A URL at its start stays as it is.
fn sentence(mut text: String) -> String {
    if !text.starts_with("http")
        && let Some(first) = text.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// The port, while it is open.
pub(super) struct Listener {
    port: u16,
    arrivals: mpsc::Receiver<Arrival>,
    tasks: JoinSet<()>,
}

impl Listener {
    /// Opens a port on both loopback addresses: `wanted`, or, unless it is `fixed`, one of the next.
    pub(super) async fn open(
        wanted: u16,
        fixed: bool,
        path: &str,
        host: &str,
    ) -> Result<Self, SignInError> {
        let last = if fixed {
            wanted
        } else {
            wanted.saturating_add(PORTS)
        };
        let mut refusal = String::new();
        for port in wanted..=last {
            match bind(port).await {
                Ok(listeners) => return Ok(Self::serve(listeners, path, host)),
                Err(error) => refusal = error.to_string(),
            }
        }
        if !fixed && let Ok(listeners) = bind(0).await {
            return Ok(Self::serve(listeners, path, host));
        }
        Err(SignInError::Port {
            port: wanted,
            why: refusal,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The next browser that comes back.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Closes the port once the browser has its page.
    pub(super) async fn close(mut self) {
        self.arrivals.close();
        let served = async { while self.tasks.join_next().await.is_some() {} };
        // The acceptors never end by themselves, so this is a bound and no failure.
        let _ = tokio::time::timeout(Duration::from_millis(150), served).await;
    }

    fn serve(listeners: Vec<TcpListener>, path: &str, host: &str) -> Self {
        let port = listeners
            .first()
            .and_then(|listener| listener.local_addr().ok())
            .map_or(0, |address| address.port());
        let (sender, arrivals) = mpsc::channel(4);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            let door = Door {
                path: path.to_owned(),
                hosts: [host, "localhost", "127.0.0.1", "[::1]"]
                    .map(|name| format!("{name}:{port}")),
                arrivals: sender.clone(),
            };
            tasks.spawn(accept(listener, door));
        }
        Self {
            port,
            arrivals,
            tasks,
        }
    }
}

async fn bind(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let port = first.local_addr()?.port();
    let second = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
    match TcpListener::bind(second).await {
        Ok(second) => Ok(vec![first, second]),
        // Another program would get the browser that tries this address first.
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(error),
        // No IPv6 here.
        Err(_) => Ok(vec![first]),
    }
}

#[derive(Clone)]
struct Door {
    path: String,
    hosts: [String; 4],
    arrivals: mpsc::Sender<Arrival>,
}

async fn accept(listener: TcpListener, door: Door) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let door = door.clone();
                    connections.spawn(async move {
                        let service = service_fn(move |request| {
                            let door = door.clone();
                            async move { Ok::<_, Infallible>(door.answer(request).await) }
                        });
                        let served = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(BROWSER)
                            .max_buf_size(16 * 1024)
                            .keep_alive(false)
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        if let Err(error) = served {
                            tracing::debug!(%error, "a connection to the sign-in's port");
                        }
                    });
                }
                // Out of descriptors, mostly: others may be free in a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            () = door.arrivals.closed() => break,
        }
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(100), rest).await;
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        // Another site may let its own name resolve to this address.
        if !host.is_some_and(|host| {
            self.hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host))
        }) {
            return page(
                StatusCode::FORBIDDEN,
                "This is not a sign-in address",
                "Close this page, and start the sign-in again from your app.",
            );
        }
        if request.method() != Method::GET || request.uri().path() != self.path {
            return page(
                StatusCode::NOT_FOUND,
                "Page not found",
                "This address is only for the end of a sign-in. You can close this page.",
            );
        }
        let query = request.uri().query().unwrap_or_default();
        let Some((arrival, answer)) = read(query) else {
            return page(
                StatusCode::BAD_REQUEST,
                "The sign-in did not complete",
                "The address of this page is incomplete. Go back to your app and sign in again.",
            );
        };
        if self.arrivals.send(arrival).await.is_err() {
            return ended();
        }
        match answer.await {
            Ok(Page::Done) => page(StatusCode::OK, SIGNED_IN, CLOSE),
            Ok(Page::DoneAt(url)) => {
                let mut response = page(StatusCode::SEE_OTHER, SIGNED_IN, CLOSE);
                if let Ok(location) = HeaderValue::from_str(url.as_str()) {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                response
            }
            Ok(Page::Denied) => page(
                StatusCode::BAD_REQUEST,
                "Access denied",
                "You did not allow access, so your app is not connected. To try again, sign in again \
                 from your app.",
            ),
            Ok(Page::Failed(details)) => page_with_details(
                StatusCode::BAD_REQUEST,
                "Sign-in failed",
                "Your app is not connected. Go back to it and sign in again.",
                &details,
            ),
            Ok(Page::NotOurs) => page(
                StatusCode::BAD_REQUEST,
                "This page belongs to another sign-in",
                "Use the sign-in page that opened last, or start again from your app.",
            ),
            Err(_) => ended(),
        }
    }
}

const SIGNED_IN: &str = "You are signed in";
const CLOSE: &str = "You can close this page and go back to your app.";

fn ended() -> Response<Full<Bytes>> {
    page(
        StatusCode::GONE,
        "This sign-in has ended",
        "It has completed or timed out. If your app is not connected, sign in again from there.",
    )
}

/// Reads the authorization response. `None` where a parameter is repeated, or there is neither a code
/// nor an error.
pub(super) fn read(query: &str) -> Option<(Arrival, oneshot::Receiver<Page>)> {
    let (reply, answer) = oneshot::channel();
    let mut arrival = Arrival {
        code: None,
        state: None,
        issuer: None,
        error: None,
        description: None,
        reply: Reply(Some(reply)),
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match &*name {
            "code" => &mut arrival.code,
            "state" => &mut arrival.state,
            "iss" => &mut arrival.issuer,
            "error" => &mut arrival.error,
            "error_description" => &mut arrival.description,
            _ => continue,
        };
        if field.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    (arrival.code.is_some() != arrival.error.is_some()).then_some((arrival, answer))
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    page_with_details(status, title, text, &[])
}

fn page_with_details(
    status: StatusCode,
    title: &str,
    text: &str,
    details: &[String],
) -> Response<Full<Bytes>> {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
    };
    let (title, text) = (escape(title), escape(text));
    let mut more: String = details
        .iter()
        .map(|text| format!("<p>{}</p>", escape(text)))
        .collect();
    if !more.is_empty() {
        more = format!("<details><summary>Technical details</summary>{more}</details>");
    }
    let mark = if status.is_client_error() {
        "<span class=\"mark failed\" aria-hidden=\"true\">!</span>"
    } else {
        "<span class=\"mark\" aria-hidden=\"true\">&#10003;</span>"
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · farport</title><style>{STYLE}</style></head>\
         <body><main>{mark}<h1>{title}</h1><p>{text}</p>{more}</main></body></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
