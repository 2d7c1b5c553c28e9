//! The service, from request to response.

use std::{fmt, future::Future, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use farport_core::{Dispatch, Principal, Runtime, SessionStore, TaskOwners, policy::Permitted};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use tracing::Instrument;

use crate::{
    Auth, Body, Config,
    asking::Parking,
    auth::OAuthRoutes,
    body,
    caller::{Caller, Identified},
    cors,
    endpoint::McpEndpoint,
    form::Accepted,
    gate::Gate,
    home::HomePage,
    legacy::LegacyEndpoint,
    modern::ModernCalls,
    negotiate, paths,
    refusal::Refusal,
    respond,
    session::{SessionHost, Sessions},
    shutdown::Shutdown,
    streams::Streams,
};

/// Serves MCP over HTTP for one server. Cheap to clone.
///
/// It is a tower service. A host without tower calls [`McpService::handle`]:
///
/// ```
/// use bytes::Bytes;
/// use farport_http::{Body, McpService};
/// use http::{Request, Response};
///
/// async fn health<B>(service: &McpService, body: B) -> Response<Body>
/// where
///     B: http_body::Body<Data = Bytes>,
/// {
///     let request = Request::get("http://localhost/health").body(body);
///     service.handle(request.expect("a valid request")).await
/// }
/// ```
#[derive(Clone)]
pub struct McpService(Arc<Router>);

/// Passes each request through the gate to the endpoint of its path.
struct Router {
    gate: Arc<Gate>,
    mcp: Arc<McpEndpoint>,
    legacy: Arc<LegacyEndpoint>,
    /// `None` on a public server.
    oauth: Option<OAuthRoutes>,
    home: HomePage,
    shutdown: Arc<Shutdown>,
    runtime: Arc<dyn Runtime>,
    config: Config,
    /// The path of the public URL. Empty for most servers.
    prefix: Arc<str>,
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl McpService {
    /// The interval at which a host should call [`McpService::tidy`].
    pub const TIDY_EVERY: Duration = Duration::from_secs(15);

    /// Creates a public service for `dispatch`, with sessions in `store`.
    pub fn new(
        dispatch: Arc<dyn Dispatch>,
        store: Arc<dyn SessionStore>,
        runtime: Arc<dyn Runtime>,
        config: Config,
    ) -> Self {
        Self::with(dispatch, store, runtime, config, None)
    }

    /// Creates a protected service for `dispatch`: `auth` authenticates callers and checks their
    /// permissions.
    pub fn protected(
        dispatch: Arc<dyn Dispatch>,
        store: Arc<dyn SessionStore>,
        runtime: Arc<dyn Runtime>,
        config: Config,
        auth: Auth,
    ) -> Self {
        let policy = auth.policy().clone();
        let dispatch = if policy.is_flat() {
            dispatch
        } else {
            Arc::new(Permitted::new(dispatch, policy))
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
        let replica: Arc<str> = format!("{:08x}", u32::from_be_bytes(name)).into();
        let limits = config.limits;
        let auth = auth.map(Arc::new);
        let policy = auth.as_ref().map(|auth| auth.policy().clone());
        let tasks = auth.as_ref().map(|_| TaskOwners::new(store.clone()));
        let public_url = config.public_url.as_deref();
        let prefix: Arc<str> = public_url.map_or("", paths::prefix).into();
        let home = HomePage::new(dispatch.profile(), auth.clone(), public_url);
        let gate = Arc::new(Gate::new(&config, auth.clone(), runtime.clone()));
        let streams = Arc::new(Streams::new(gate.clone(), runtime.clone(), limits));
        let shutdown = Arc::new(Shutdown::default());
        let parking = Arc::new(Parking::new(
            limits.parking,
            replica.clone(),
            dispatch.profile().server_info.clone(),
            runtime.clone(),
        ));
        let sessions = Sessions::new(store, policy, tasks.clone(), replica, limits);
        let modern = ModernCalls {
            dispatch: dispatch.clone(),
            tasks: tasks.clone(),
            gate: gate.clone(),
            streams: streams.clone(),
            shutdown: shutdown.clone(),
            parking,
            runtime: runtime.clone(),
            limits,
        };
        let host = Arc::new(SessionHost::new(dispatch, sessions, tasks, runtime.clone()));
        let legacy = Arc::new(LegacyEndpoint::new(
            gate.clone(),
            host.clone(),
            streams.clone(),
            shutdown.clone(),
            runtime.clone(),
            prefix.clone(),
            limits,
        ));
        let mcp = Arc::new(McpEndpoint {
            gate: gate.clone(),
            host,
            modern,
            streams,
            shutdown: shutdown.clone(),
            runtime: runtime.clone(),
            limits,
        });
        let oauth = auth.map(|auth| OAuthRoutes::new(auth, runtime.clone(), limits));
        Self(Arc::new(Router {
            gate,
            mcp,
            legacy,
            oauth,
            home,
            shutdown,
            runtime,
            config,
            prefix,
        }))
    }

    /// Handles a request.
    ///
    /// Poll the future to completion, or drop it when the client disconnects. A refused request gets a
    /// response too. The future is some kilobytes large, so box it if it is part of another future.
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + use<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        self.handle_from(request, None)
    }

    /// Handles a request from a client at `address`. Limits on anonymous clients apply per network. See
    /// [`McpService::handle`].
    ///
    /// A host that has authenticated the caller itself, for example a test, inserts a [`Principal`]
    /// into the request's extensions. A protected server then requires no token.
    ///
    /// A host that chooses session ids itself inserts a [`SessionId`](farport_core::SessionId). A
    /// session that this request opens gets that id, which must be random and used only once.
    pub fn handle_from<B>(
        &self,
        request: Request<B>,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Response<Body>> + use<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        // Boxed early, because each future on the path reserves space for its arguments.
        let (parts, body) = request.into_parts();
        self.clone().answer(Box::new(parts), body, address)
    }

    async fn answer<B>(
        self,
        mut parts: Box<Parts>,
        body: B,
        address: Option<IpAddr>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let router = &self.0;
        if head_bytes(&parts) > router.config.limits.head_bytes {
            return Refusal::HeadTooLarge.into_response();
        }
        if let Err(refusal) = router.gate.check_origin(&parts) {
            return refusal.into_response();
        }
        if let Some(path) = paths::below(&router.prefix, parts.uri.path()) {
            parts.uri = with_path(&parts.uri, path);
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
        let routed = pin!(router.route(parts, body, address));
        let mut response = if span.is_disabled() {
            routed.await.unwrap_or_else(Refusal::into_response)
        } else {
            router.logged(routed).instrument(span).await
        };
        cors::expose(origin.as_ref(), &mut response);
        response
    }

    /// Counts a new session of a client at `address`, signed in or not. For hosts that allocate
    /// resources for a session before the service handles the request.
    ///
    /// # Errors
    /// The response to send, if the client opens sessions too often.
    pub fn admit_opening(&self, address: Option<IpAddr>) -> Result<(), Box<Response<Body>>> {
        let admitted = self
            .0
            .gate
            .admit_session(&Principal::Anonymous, address, None);
        admitted.map_err(|refusal| Box::new(refusal.into_response()))
    }

    /// Reports whether a request to `path` is a health check.
    pub fn is_health_check(&self, path: &str) -> bool {
        paths::below(&self.0.prefix, path).unwrap_or(path) == paths::HEALTH
    }

    /// Returns the response to a request on a connection above the host's limit.
    pub fn overloaded() -> Response<Body> {
        let mut response =
            Refusal::Unavailable("The server has too many connections: try again later")
                .into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Ends idle sessions and deletes old streams. Call it every [`McpService::TIDY_EVERY`].
    pub async fn tidy(&self) {
        self.0.mcp.host.sessions.tidy(&*self.0.runtime).await;
    }

    /// Calls [`McpService::tidy`] every [`McpService::TIDY_EVERY`], until the last clone of the service is
    /// dropped. The caller spawns the future.
    pub fn keep_tidy(&self) -> impl Future<Output = ()> + Send + use<> {
        let (service, runtime) = (Arc::downgrade(&self.0), self.0.runtime.clone());
        async move {
            loop {
                runtime.sleep(Self::TIDY_EVERY).await;
                let Some(inner) = service.upgrade() else {
                    return;
                };
                Self(inner).tidy().await;
            }
        }
    }

    /// Starts the shutdown: ends all streams without an end, and refuses new ones. Subscriptions end with
    /// their response, other streams just end. Running calls continue, parked calls are cancelled.
    pub fn stop(&self) {
        self.0.shutdown.start();
        self.0.mcp.modern.parking.clear();
        self.0.mcp.host.sessions.hang_up();
        self.0.legacy.hang_up();
    }
}

impl Router {
    /// Logs a request with its status and duration. Call this only while the request log is enabled.
    async fn logged(
        &self,
        routed: impl Future<Output = Result<Response<Body>, Refusal>>,
    ) -> Response<Body> {
        let start = self.runtime.now();
        let result = routed.await;
        let duration = self.runtime.now().since(start);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let refusal = result.as_ref().err().map(|refusal| format!("{refusal:?}"));
        let response = result.unwrap_or_else(Refusal::into_response);
        let status = response.status().as_u16();
        tracing::info!(status, duration_ms, refusal, "responded");
        response
    }

    async fn route<B>(
        &self,
        mut parts: Box<Parts>,
        body: B,
        address: Option<IpAddr>,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let Self {
            gate, mcp, legacy, ..
        } = self;
        match (&parts.method, paths::endpoint(parts.uri.path())) {
            (&Method::POST, paths::MCP) => {
                let who = gate.authenticate(&mut parts, paths::MCP, address).await?;
                let accepted = negotiate::accepted(&parts.headers)?;
                let (caller, body) = self.receive(who, address, parts, body, accepted).await?;
                let answered = mcp.post(caller, body).await;
                answered.or_else(|refusal| refusal.into_accepted(accepted))
            }
            (&Method::GET, paths::MCP) => {
                let who = gate.authenticate(&mut parts, paths::MCP, address).await?;
                mcp.listen(who.opener(address), &parts.headers).await
            }
            (&Method::DELETE, paths::MCP) => {
                let who = gate.authenticate(&mut parts, paths::MCP, address).await?;
                mcp.delete(&who.principal, &parts.headers).await
            }
            (&Method::GET, paths::SSE) => {
                let who = gate.authenticate(&mut parts, paths::SSE, address).await?;
                legacy.open(who.opener(address), &parts)
            }
            (&Method::POST, paths::SSE_MESSAGE) => {
                let who = gate.authenticate(&mut parts, paths::SSE, address).await?;
                // The response only acknowledges the message. Results go to the client's stream.
                let accepted = Accepted::JSON;
                let (caller, body) = self.receive(who, address, parts, body, accepted).await?;
                legacy.post(caller, body).await
            }
            (&Method::GET | &Method::HEAD, paths::HEALTH) => Ok(respond::json(
                StatusCode::OK,
                Bytes::from_static(br#"{"status":"ok"}"#),
            )),
            (&Method::GET | &Method::HEAD, paths::HOME) => Ok(self.home.page(&parts)),
            (&Method::GET | &Method::HEAD, paths::STYLE) => Ok(self.home.style_sheet()),
            (&Method::OPTIONS, paths::HOME | paths::STYLE) => Ok(cors::preflight(&parts.headers)),
            (_, paths::HOME | paths::STYLE) => Err(Refusal::Method("GET, OPTIONS")),
            (&Method::OPTIONS, paths::MCP | paths::SSE | paths::SSE_MESSAGE | paths::HEALTH) => {
                Ok(cors::preflight(&parts.headers))
            }
            (_, paths::MCP) => Err(Refusal::Method("GET, POST, DELETE, OPTIONS")),
            (_, paths::SSE | paths::HEALTH) => Err(Refusal::Method("GET, OPTIONS")),
            (_, paths::SSE_MESSAGE) => Err(Refusal::Method("POST, OPTIONS")),
            _ => self.oauth(&parts, body, address).await,
        }
    }

    /// Handles a request to a path that is not one of MCP's.
    async fn oauth<B>(
        &self,
        parts: &Parts,
        body: B,
        address: Option<IpAddr>,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let oauth = self.oauth.as_ref().ok_or(Refusal::NoRoute)?;
        // Boxed, so that the futures of other routes stay small.
        Box::pin(oauth.handle(parts, body, address)).await
    }

    /// Checks the head of a POST request, then reads its body.
    async fn receive<B>(
        &self,
        who: Identified,
        address: Option<IpAddr>,
        parts: Box<Parts>,
        body: B,
        accepted: Accepted,
    ) -> Result<(Caller, Bytes), Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        negotiate::is_json(&parts.headers)?;
        let body = body::read(body, &parts.headers, &self.config.limits, &*self.runtime).await?;
        Ok((
            Caller {
                principal: who.principal,
                address,
                credential: who.credential,
                parts,
                accepted,
                traced: tracing::enabled!(tracing::Level::DEBUG),
            },
            body,
        ))
    }
}

/// Returns `uri` with another path.
fn with_path(uri: &Uri, path: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).unwrap_or_default()
}

/// Returns the size of a request's head: its path, and its header names and values.
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
