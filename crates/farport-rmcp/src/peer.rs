//! Peers: a handler's connections to its client.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use farport_core::{BoxFuture, Outbox, ProtocolVersion, SessionRecord, Undeliverable};
use futures_util::FutureExt;
use lru::LruCache;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler, Service,
    model::{
        ClientNotification, ClientRequest, GetExtensions, Implementation, InitializeRequest,
        InitializeRequestParams, InitializeResult, JsonRpcMessage, NumberOrString,
        ServerCapabilities, ServerConfig, ServerResult,
    },
    service::{NotificationContext, RequestContext, RunningService, serve_directly, serve_server},
};
use serde_json::json;
use tokio::{sync::mpsc, task::unconstrained};

use crate::{
    pump::Loops,
    transport::{Inbox, OutboxTransport, SilentTransport},
};

/// A peer and the loop that carries its messages. The loop ends when this is dropped.
pub(crate) struct Live<S: Service<RoleServer>> {
    pub(crate) peer: Peer<RoleServer>,
    pub(crate) inbox: Inbox,
    _running: RunningService<RoleServer, S>,
    _loops: Loops,
}

impl<S: Service<RoleServer>> Live<S> {
    /// Creates a peer that writes to `outbox`. `service` receives the notifications of its inbox.
    pub(crate) fn new(
        service: S,
        outbox: Arc<dyn Outbox>,
        client: Option<InitializeRequestParams>,
    ) -> Self {
        let (transport, inbox) = OutboxTransport::new(outbox);
        let loops = Loops::new();
        let running = loops.within(|| serve_directly(service, transport, client));
        Self {
            peer: running.peer().clone(),
            inbox,
            _running: running,
            _loops: loops,
        }
    }
}

/// rmcp's handshake. The lock is never contended: it makes the future `Sync`.
type Handshake<H> = Mutex<BoxFuture<'static, Option<RunningService<RoleServer, Opening<H>>>>>;

/// A peer whose loop starts when the handler first waits. Most calls return at once and send nothing, so
/// they need no loop. Messages that a handler sends before wait in the peer's channel.
pub(crate) struct Deferred<H: ServerHandler> {
    pub(crate) peer: Peer<RoleServer>,
    /// Pauses in [`Opening`], with the peer's channel.
    opening: Option<Handshake<H>>,
    start: Arc<AtomicBool>,
    running: Option<RunningService<RoleServer, Opening<H>>>,
    loops: Option<Loops>,
}

impl<H: ServerHandler> Deferred<H> {
    /// Creates a peer for `client` that writes to `outbox`. Returns `None` if rmcp gives none.
    pub(crate) fn new(
        handler: Arc<H>,
        outbox: Arc<dyn Outbox>,
        client: InitializeRequestParams,
    ) -> Option<Self> {
        let (transport, inbox) = OutboxTransport::new(outbox);
        let request = InitializeRequest::new(client).into();
        inbox
            .send(JsonRpcMessage::request(request, NumberOrString::Number(0)))
            .ok()?;
        let (peer, start) = (Arc::default(), Arc::default());
        let service = Opening {
            notifications: Notifications(handler),
            peer: Arc::clone(&peer),
            start: Arc::clone(&start),
        };
        let opening = async move { serve_server(service, transport).await.ok() };
        // It runs in a few steps at once, whatever the handler's task has used of its budget.
        let mut opening: BoxFuture<'static, _> = Box::pin(unconstrained(opening));
        // Runs until it pauses.
        if opening.as_mut().now_or_never().is_some() {
            return None;
        }
        let peer = peer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Some(Self {
            peer: peer?,
            opening: Some(Mutex::new(opening)),
            start,
            running: None,
            loops: None,
        })
    }

    /// Starts the loop, unless it runs already.
    pub(crate) fn poll_start(&mut self, cx: &mut Context<'_>) {
        let Some(opening) = &mut self.opening else {
            return;
        };
        self.start.store(true, Ordering::Relaxed);
        let loops = self.loops.get_or_insert_with(Loops::new);
        let opening = opening.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nothing in it waits any more.
        if let Poll::Ready(running) = loops.within(|| opening.as_mut().poll(cx)) {
            self.opening = None;
            self.running = running;
        }
    }
}

/// The service of a [`Deferred`] peer: takes the peer out of the handshake, and pauses there.
pub(crate) struct Opening<H> {
    notifications: Notifications<H>,
    peer: Arc<Mutex<Option<Peer<RoleServer>>>>,
    start: Arc<AtomicBool>,
}

impl<H: ServerHandler> Service<RoleServer> for Opening<H> {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let ClientRequest::InitializeRequest(request) = request else {
            return self.notifications.handle_request(request, context).await;
        };
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.peer);
        // `Deferred` polls it again when it starts the loop.
        poll_fn(|_| {
            if self.start.load(Ordering::Relaxed) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let mut result = InitializeResult::new(ServerCapabilities::default());
        result.protocol_version = request.params.protocol_version;
        Ok(ServerResult::InitializeResult(result))
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.notifications
            .handle_notification(notification, context)
            .await
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::default()
    }
}

/// The service of a loop that receives no requests. It passes notifications to a handler, and
/// reports the end of those with a [`Handled`].
pub(crate) struct Notifications<H>(pub(crate) Arc<H>);

impl<H: Service<RoleServer>> Service<RoleServer> for Notifications<H> {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        Err(ErrorData::internal_error(
            "this service does not handle requests",
            None,
        ))
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        mut context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // Dropped at the end, even if the handler panics.
        let _end = context.extensions.remove::<End>();
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        self.0.get_info()
    }
}

/// Travels with a notification, in its extensions, which must be `Clone`.
#[derive(Clone)]
struct End(#[expect(dead_code, reason = "its drop is the report")] mpsc::Sender<Infallible>);

/// Reports when the handler has finished a notification, or will not receive it.
pub(crate) struct Handled(mpsc::Receiver<Infallible>);

impl Handled {
    /// Makes `notification` report its end.
    pub(crate) fn attach(notification: &mut ClientNotification) -> Self {
        let (end, handled) = mpsc::channel(1);
        notification.extensions_mut().insert(End(end));
        Self(handled)
    }

    /// Waits for the end. The channel carries no value, and closes then.
    pub(crate) async fn wait(mut self) {
        self.0.recv().await;
    }
}

struct NoHandler;

impl Service<RoleServer> for NoHandler {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        Err(ErrorData::internal_error(
            "this service does not handle requests",
            None,
        ))
    }

    async fn handle_notification(
        &self,
        _: ClientNotification,
        _: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::default()
    }
}

/// A peer that writes nowhere.
pub(crate) struct Silent {
    pub(crate) peer: Peer<RoleServer>,
    _running: RunningService<RoleServer, NoHandler>,
    _loops: Loops,
}

impl Silent {
    /// Creates a silent peer that describes `client` to the handler.
    pub(crate) fn new(client: Option<InitializeRequestParams>) -> Self {
        Self::refusing(Undeliverable::NoRequests, client)
    }

    /// Creates a silent peer that refuses requests for this reason.
    fn refusing(reason: Undeliverable, client: Option<InitializeRequestParams>) -> Self {
        let loops = Loops::new();
        let transport = SilentTransport(reason);
        let running = loops.within(|| serve_directly(NoHandler, transport, client));
        Self {
            peer: running.peer().clone(),
            _running: running,
            _loops: loops,
        }
    }
}

/// Silent peers, each shared by all calls whose clients described themselves equally.
///
/// A silent peer writes nowhere, so a handler that shares it cannot reach another client's stream.
/// All calls that share it would get the same client description from their own.
pub(crate) struct SilentPeers {
    modern: OnceLock<Silent>,
    no_parking: OnceLock<Silent>,
    sessions: Mutex<LruCache<(ProtocolVersion, Bytes), Arc<Silent>>>,
}

/// The largest number of cached client descriptions. One more evicts the oldest, which then gets a
/// new peer with its next session.
const KINDS: usize = 64;

impl Default for SilentPeers {
    fn default() -> Self {
        Self {
            modern: OnceLock::new(),
            no_parking: OnceLock::new(),
            sessions: Mutex::new(LruCache::unbounded()),
        }
    }
}

impl SilentPeers {
    /// Returns the silent peer of modern calls, whose requests describe the client.
    pub(crate) fn modern(&self) -> Peer<RoleServer> {
        self.modern.get_or_init(|| Silent::new(None)).peer.clone()
    }

    /// Returns the silent peer of modern calls that could ask, on a host that cannot park them. It
    /// describes a client that accepts every question, so that the handler receives the true reason.
    /// The requests describe the real client.
    pub(crate) fn no_parking(&self) -> Peer<RoleServer> {
        let silent = self.no_parking.get_or_init(|| {
            let everything = json!({
                "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {},
            });
            let everything = serde_json::from_value(everything).unwrap_or_default();
            let client = Implementation::new("unknown", "unknown");
            let mut client = InitializeRequestParams::new(everything, client);
            client.protocol_version = rmcp_version(ProtocolVersion::V2025_11_25);
            Silent::refusing(Undeliverable::NoParking, Some(client))
        });
        silent.peer.clone()
    }

    /// Returns the silent peer of the sessions that were opened with this `initialize`.
    pub(crate) fn of(&self, session: &SessionRecord) -> Arc<Silent> {
        let said = Bytes::copy_from_slice(session.initialize.as_bytes());
        let key = (session.version(), said);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(silent) = sessions.get(&key) {
            return silent.clone();
        }
        let silent = Arc::new(Silent::new(client_of(session)));
        sessions.put(key, silent.clone());
        while sessions.len() > KINDS {
            sessions.pop_lru();
        }
        silent
    }
}

/// Describes a session's client to rmcp: its `initialize`, with the negotiated revision.
pub(crate) fn client_of(session: &SessionRecord) -> Option<InitializeRequestParams> {
    // It was parsed when the session opened.
    let mut client: InitializeRequestParams = session.initialize.parse().ok()?;
    client.protocol_version = rmcp_version(session.version());
    Some(client)
}

pub(crate) fn rmcp_version(version: ProtocolVersion) -> rmcp::model::ProtocolVersion {
    use rmcp::model::ProtocolVersion as Rmcp;
    match version {
        ProtocolVersion::V2024_11_05 => Rmcp::V_2024_11_05,
        ProtocolVersion::V2025_03_26 => Rmcp::V_2025_03_26,
        ProtocolVersion::V2025_06_18 => Rmcp::V_2025_06_18,
        ProtocolVersion::V2025_11_25 => Rmcp::V_2025_11_25,
        ProtocolVersion::V2026_07_28 => Rmcp::V_2026_07_28,
    }
}
