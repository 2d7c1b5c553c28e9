//! The service: from request to response.

use std::{
    fmt,
    future::Future,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
#[cfg(feature = "sign-in")]
use farport_core::policy::Permitted;
use farport_core::{Dispatch, Principal, Runtime, SessionStore};
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    Auth, Body, Config, body, cors, legacy::LegacyConnections, negotiate::Form, refusal::Refusal,
    respond, session::Sessions,
};

/// Serves MCP over HTTP, for one server. Cheap to clone.
#[derive(Clone)]
pub struct McpService(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) config: Config,
    pub(crate) sessions: Sessions,
    pub(crate) legacy: LegacyConnections,
    pub(crate) auth: Option<Auth>,
    /// Fires when the server is about to stop.
    pub(crate) stopping: CancellationToken,
    stopped: AtomicBool,
}

/// Who sends a message, and the head of the request it came in.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) parts: Box<Parts>,
    /// The form in which an answer is given that can be given in either.
    pub(crate) form: Form,
    /// Whether somebody wants to know what is asked.
    pub(crate) traced: bool,
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl McpService {
    /// How often [`McpService::tidy`] should be called.
    pub const TIDY_EVERY: Duration = Duration::from_secs(15);

    /// A service for `dispatch`, whose sessions are kept in `store`.
    pub fn new(
        dispatch: Arc<dyn Dispatch>,
        store: Arc<dyn SessionStore>,
        runtime: Arc<dyn Runtime>,
        config: Config,
    ) -> Self {
        Self::with(dispatch, store, runtime, config, None)
    }

    /// A service for `dispatch` behind `auth`.
    #[cfg(feature = "sign-in")]
    pub fn protected(
        dispatch: Arc<dyn Dispatch>,
        store: Arc<dyn SessionStore>,
        runtime: Arc<dyn Runtime>,
        config: Config,
        auth: Auth,
    ) -> Self {
        let policy = auth.policy().clone();
        let dispatch = match policy.is_flat() {
            true => dispatch,
            false => Arc::new(Permitted::new(dispatch, policy)),
        };
        Self::with(dispatch, store, runtime, config, Some(auth))
    }

    fn with(
        dispatch: Arc<dyn Dispatch>,
        store: Arc<dyn SessionStore>,
        runtime: Arc<dyn Runtime>,
        config: Config,
        auth: Option<Auth>,
    ) -> Self {
        let mut name = [0; 4];
        runtime.random(&mut name);
        let policy = auth.as_ref().map(|auth| auth.policy().clone());
        let replica: Arc<str> = format!("{:08x}", u32::from_be_bytes(name)).into();
        let sessions = Sessions::new(store, policy, replica, config.limits);
        let legacy = LegacyConnections::new(config.limits);
        Self(Arc::new(Inner {
            dispatch,
            runtime,
            config,
            sessions,
            legacy,
            auth,
            stopping: CancellationToken::new(),
            stopped: AtomicBool::new(false),
        }))
    }

    /// Answers one request.
    ///
    /// The future must be polled to its end, or dropped when the client has gone. It never fails:
    /// every refusal is a response. It is large, some kilobytes: box it where it is not all that
    /// there is.
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + use<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        self.handle_from(request, None)
    }

    /// Answers one request that came from `address`, by which some things are counted that cost
    /// something. See [`McpService::handle`].
    ///
    /// A host that has found out by itself who calls, a test for example, says so with a
    /// [`Principal`] among the request's extensions; a protected server then asks for no token.
    ///
    /// A host that finds sessions by their ids, rather than their ids for them, says which one a
    /// request may open with a [`SessionId`](farport_core::SessionId) there: one that nobody can
    /// guess, for this request alone.
    pub fn handle_from<B>(
        &self,
        request: Request<B>,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Response<Body>> + use<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        // Boxed at once: each future on the way down keeps room for what it is given.
        let (parts, body) = request.into_parts();
        self.clone().answer(Box::new(parts), body, address)
    }

    async fn answer<B>(self, parts: Box<Parts>, body: B, address: Option<IpAddr>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let inner = &self.0;
        if head_bytes(&parts) > inner.config.limits.head_bytes {
            return Refusal::HeadTooLarge.into_response();
        }
        if let Err(refusal) = inner.config.guard.check(&parts.uri, &parts.headers) {
            return refusal.into_response();
        }
        let origin = parts.headers.get(header::ORIGIN).cloned();
        let span = tracing::debug_span!(
            "request",
            http.method = %parts.method,
            path = parts.uri.path(),
            method = tracing::field::Empty,
            tool = tracing::field::Empty,
            session = tracing::field::Empty,
            version = tracing::field::Empty,
        );
        let routed = pin!(inner.route(parts, body, address));
        let mut response = if span.is_disabled() {
            routed.await
        } else {
            inner.timed(routed).instrument(span).await
        }
        .unwrap_or_else(Refusal::into_response);
        cors::expose(origin.as_ref(), &mut response);
        response
    }

    /// Ends what has been idle for too long. To be called every [`McpService::TIDY_EVERY`].
    pub async fn tidy(&self) {
        self.0.sessions.tidy(&*self.0.runtime).await;
    }

    /// Ends all streams that would otherwise go on for ever, and opens no more: subscriptions with
    /// their response, others with the end of the stream. Calls that are going on finish.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.0.stopping.cancel();
        self.0.sessions.hang_up();
        self.0.legacy.hang_up();
    }
}

impl Inner {
    /// Says how long a request took, where somebody listens.
    async fn timed(
        &self,
        routed: impl Future<Output = Result<Response<Body>, Refusal>>,
    ) -> Result<Response<Body>, Refusal> {
        let began = self.runtime.now();
        let answer = routed.await;
        let duration = self.runtime.now().since(began);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), duration_ms, "answered")
            }
            Err(refusal) => tracing::debug!(?refusal, duration_ms, "refused"),
        }
        answer
    }

    async fn route<B>(
        self: &Arc<Self>,
        parts: Box<Parts>,
        body: B,
        address: Option<IpAddr>,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        match (&parts.method, parts.uri.path()) {
            (&Method::POST, "/mcp") => {
                let principal = self.principal(&parts, "/mcp").await?;
                let (caller, body) = self.receive(principal, parts, body, true).await?;
                self.post(caller, body).await
            }
            (&Method::GET, "/mcp") => {
                let principal = self.principal(&parts, "/mcp").await?;
                self.listen(&principal, &parts.headers).await
            }
            (&Method::DELETE, "/mcp") => {
                let principal = self.principal(&parts, "/mcp").await?;
                self.delete(&principal, &parts.headers).await
            }
            (&Method::GET, "/sse") => {
                let principal = self.principal(&parts, "/sse").await?;
                self.legacy_open(principal, &parts)
            }
            (&Method::POST, "/sse/message") => {
                let principal = self.principal(&parts, "/sse").await?;
                let (caller, body) = self.receive(principal, parts, body, false).await?;
                self.legacy_post(caller, body).await
            }
            (&Method::GET | &Method::HEAD, "/health") => Ok(respond::json(
                StatusCode::OK,
                Bytes::from_static(br#"{"status":"ok"}"#),
            )),
            (&Method::OPTIONS, "/mcp" | "/sse" | "/sse/message" | "/health") => {
                Ok(cors::preflight(&parts.headers))
            }
            (_, "/mcp") => Err(Refusal::Method("GET, POST, DELETE, OPTIONS")),
            (_, "/sse" | "/health") => Err(Refusal::Method("GET, OPTIONS")),
            (_, "/sse/message") => Err(Refusal::Method("POST, OPTIONS")),
            // On the heap, and out of the way of all others.
            #[cfg(feature = "sign-in")]
            _ => match Box::pin(self.oauth(&parts, body, address)).await {
                Some(answer) => answer,
                None => Err(Refusal::NoRoute),
            },
            #[cfg(not(feature = "sign-in"))]
            _ => {
                let _ = address;
                Err(Refusal::NoRoute)
            }
        }
    }

    /// Checks the head of a POST, then reads its body.
    async fn receive<B>(
        &self,
        principal: Principal,
        mut parts: Box<Parts>,
        body: B,
        streams: bool,
    ) -> Result<(Caller, Bytes), Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let form = match streams {
            true => crate::negotiate::accepts_both(&parts.headers)?,
            false => Form::Json,
        };
        crate::negotiate::is_json(&parts.headers)?;
        if self.auth.is_some() {
            // A handler is told who calls; with the token itself it could call others.
            parts.headers.remove(header::AUTHORIZATION);
            parts.headers.remove(header::COOKIE);
        }
        let body = body::read(body, &self.config.limits, &*self.runtime).await?;
        Ok((
            Caller {
                principal,
                parts,
                form,
                traced: tracing::enabled!(tracing::Level::DEBUG),
            },
            body,
        ))
    }

    /// Refuses what would outlive the server.
    pub(crate) fn still_open(&self) -> Result<(), Refusal> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(Refusal::Unavailable("The server is about to stop"));
        }
        Ok(())
    }
}

/// How large a request's head is: its path, and its header names and values.
fn head_bytes(parts: &Parts) -> usize {
    let path = parts
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let headers = parts.headers.iter();
    headers.fold(path, |sum, (name, value)| {
        sum + name.as_str().len() + value.len()
    })
}

/// The value of a header that stands once and is text.
pub(crate) fn text_header<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}
