//! Peers: what a handler speaks to its client with.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use farport_core::{Outbox, ProtocolVersion, SessionRecord};
use lru::LruCache;
use rmcp::{
    ErrorData, Peer, RoleServer, Service,
    model::{
        ClientNotification, ClientRequest, InitializeRequestParams, ServerConfig, ServerResult,
    },
    service::{NotificationContext, RequestContext, RunningService, serve_directly},
};
use tokio::sync::mpsc;

use crate::{
    pump::Loops,
    transport::{Inbox, OutboxTransport, SilentTransport},
};

/// A peer, and the loop that carries what is sent with it. The loop ends when this is dropped.
pub(crate) struct Live<S: Service<RoleServer>> {
    pub(crate) peer: Peer<RoleServer>,
    pub(crate) inbox: Inbox,
    _running: RunningService<RoleServer, S>,
    _loops: Loops,
}

impl<S: Service<RoleServer>> Live<S> {
    /// A peer that writes to `outbox`. `service` takes the notifications that go into its inbox.
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

/// A service under loops that are given no requests. Its notifications go to a handler, and are
/// counted when they are done.
pub(crate) struct Notifications<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) done: mpsc::UnboundedSender<()>,
}

impl<H: Service<RoleServer>> Service<RoleServer> for Notifications<H> {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        Err(ErrorData::internal_error(
            "requests do not come this way",
            None,
        ))
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let _done = Done(&self.done);
        self.handler
            .handle_notification(notification, context)
            .await
    }

    fn get_info(&self) -> ServerConfig {
        self.handler.get_info()
    }
}

/// Counts even when the handler panics.
struct Done<'a>(&'a mpsc::UnboundedSender<()>);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        // Nobody has to wait for it.
        let _ = self.0.send(());
    }
}

struct Nobody;

impl Service<RoleServer> for Nobody {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        Err(ErrorData::internal_error(
            "requests do not come this way",
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
    _running: RunningService<RoleServer, Nobody>,
    _loops: Loops,
}

impl Silent {
    /// A silent peer that tells the handler of this `client`.
    pub(crate) fn new(client: Option<InitializeRequestParams>) -> Self {
        let loops = Loops::new();
        let running = loops.within(|| serve_directly(Nobody, SilentTransport, client));
        Self {
            peer: running.peer().clone(),
            _running: running,
            _loops: loops,
        }
    }
}

/// Silent peers, shared by all calls whose clients said the same of themselves.
///
/// A silent peer writes nowhere, so sharing it gives nobody a way into another's stream; and those
/// who share it would be told the same of their client by one of their own.
pub(crate) struct SilentPeers {
    modern: OnceLock<Silent>,
    sessions: Mutex<LruCache<(ProtocolVersion, Bytes), Arc<Silent>>>,
}

/// The most kinds of client that are remembered. One more costs the oldest kind a new peer at its
/// next session.
const KINDS: usize = 64;

impl Default for SilentPeers {
    fn default() -> Self {
        Self {
            modern: OnceLock::new(),
            sessions: Mutex::new(LruCache::unbounded()),
        }
    }
}

impl SilentPeers {
    /// The silent peer of modern calls: what a handler asks of its client is in the request.
    pub(crate) fn modern(&self) -> Peer<RoleServer> {
        self.modern.get_or_init(|| Silent::new(None)).peer.clone()
    }

    /// The silent peer of sessions whose client opened them like this.
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

/// What rmcp knows of a session's client: its `initialize`, with the negotiated revision.
pub(crate) fn client_of(session: &SessionRecord) -> Option<InitializeRequestParams> {
    // It parsed when the session was opened.
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
