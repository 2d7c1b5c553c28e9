//! One handler, serving one session or one modern request.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use farport_core::{
    BoxFuture, Call, CallContext, Era, Instance, Method, Notified, Outbox, Principal,
    ProtocolVersion, RawJson, Reply, Request, RequestId, RpcError, SessionRecord, Sink,
    frame::{self, ServerInfo},
    standard_headers::ParamHeader,
};
use futures_util::FutureExt;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler, Service,
    model::{
        CallToolResponse, ClientCapabilities, ClientRequest, ErrorCode, InitializeRequestParams,
        JsonRpcMessage, NumberOrString, RequestMetaObject, ServerResult, TASKS_EXTENSION_ID,
    },
    service::RequestContext,
};
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use crate::{
    decode,
    dispatch::Shared,
    peer::{Live, Notifications, Silent, client_of, rmcp_version},
    pump,
};

/// A handler with what it needs to serve calls.
pub(crate) struct RmcpInstance<H: ServerHandler> {
    handler: Arc<H>,
    shared: Arc<Shared>,
    /// Whether the session's peer stays once it was needed: handlers that send unasked keep it.
    keeps_peer: bool,
    silent: OnceLock<Arc<Silent>>,
    session: Mutex<Option<Arc<SessionPeer<H>>>>,
}

/// A peer for what outlives a call.
type SessionPeer<H> = Live<Notifications<H>>;

/// Receives once for each notification that the handler is done with.
type Done = mpsc::UnboundedReceiver<()>;

/// A call's peer, with what keeps it alive.
enum CallPeer<H: ServerHandler> {
    Shared(Peer<RoleServer>),
    Fresh(Silent),
    Live(Live<Notifications<H>>),
    Session(Arc<SessionPeer<H>>),
}

impl<H: ServerHandler> CallPeer<H> {
    fn peer(&self) -> &Peer<RoleServer> {
        match self {
            Self::Shared(peer) => peer,
            Self::Fresh(silent) => &silent.peer,
            Self::Live(live) => &live.peer,
            Self::Session(session) => &session.peer,
        }
    }
}

impl<H: ServerHandler> RmcpInstance<H> {
    pub(crate) fn new(handler: H, shared: Arc<Shared>, keeps_peer: bool) -> Self {
        Self {
            handler: Arc::new(handler),
            shared,
            keeps_peer,
            silent: OnceLock::new(),
            session: Mutex::default(),
        }
    }

    fn peer_for(
        &self,
        context: &CallContext,
        method: &Method,
        meta: &RequestMetaObject,
    ) -> CallPeer<H> {
        let client = || match context.version.era() {
            Era::Session => context.session.as_deref().and_then(client_of),
            Era::Modern => modern_client(context.version, meta),
        };
        match (&context.sink, method) {
            (Sink::Call(outbox), _) => {
                let (done, _) = mpsc::unbounded_channel();
                let service = Notifications {
                    handler: self.handler.clone(),
                    done,
                };
                CallPeer::Live(Live::new(service, outbox.clone(), client()))
            }
            (Sink::Session(outbox), _) => CallPeer::Session(self.session_peer(outbox, client()).0),
            // `initialize` writes the client into its peer, which must then be nobody else's.
            (Sink::Silent, Method::Initialize) => CallPeer::Fresh(Silent::new(None)),
            (Sink::Silent, _) => CallPeer::Shared(self.silent(context.session.as_deref())),
        }
    }

    fn silent(&self, session: Option<&SessionRecord>) -> Peer<RoleServer> {
        match session {
            None => self.shared.silent.modern(),
            Some(session) => {
                let silent = self.silent.get_or_init(|| self.shared.silent.of(session));
                silent.peer.clone()
            }
        }
    }

    /// The session's peer. One that does not stay comes with word of when it is done.
    fn session_peer(
        &self,
        outbox: &Arc<dyn Outbox>,
        client: Option<InitializeRequestParams>,
    ) -> (Arc<SessionPeer<H>>, Option<Done>) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*session {
            return (session.clone(), None);
        }
        let (sender, done) = mpsc::unbounded_channel();
        let service = Notifications {
            handler: self.handler.clone(),
            done: sender,
        };
        let made = Arc::new(Live::new(service, outbox.clone(), client));
        if !self.keeps_peer {
            return (made, Some(done));
        }
        *session = Some(made.clone());
        (made, None)
    }

    /// The frame that answers `request`.
    fn reply(&self, request: &Request, modern: bool, result: &ServerResult) -> Reply {
        let info = modern.then(|| ServerInfo {
            json: &self.shared.server_info,
            alone: matches!(result, ServerResult::CallToolResult(result) if result.meta.is_none()),
        });
        frame::response(&request.id, result, info).map_err(|error| {
            tracing::error!(%error, "a result does not serialise");
            RpcError::internal()
        })
    }

    async fn serve_any(&self, envelope: &Request, context: CallContext) -> Reply {
        let modern = context.version.era() == Era::Modern;
        let (request, meta) = decode::request(envelope)?;
        let opening = match &request {
            ClientRequest::InitializeRequest(request) => Some(request.params.clone()),
            _ => None,
        };
        let peer = self.peer_for(&context, &envelope.method, &meta);
        let (rmcp, gone) = rmcp_context(envelope, context, &peer, meta);
        let result = Service::handle_request(&*self.handler, request, rmcp).await;
        gone.map(DropGuard::disarm);
        let mut result = result.map_err(error)?;
        if let Some(opening) = opening {
            result = self.negotiate(opening, result, &peer).map_err(error)?;
        }
        self.reply(envelope, modern, &result)
    }

    /// A tool call, without the general dispatch, which would read a modern request's metadata four
    /// times over, and copy what a session's client declared. It adds what that adds for a tool: a
    /// task is only for a client that declared them, and what a revision does not have, or has
    /// otherwise, is put in its terms.
    async fn serve_tool(&self, envelope: &Request, context: CallContext) -> Reply {
        let modern = context.version.era() == Era::Modern;
        let (params, meta) = decode::tool_call(envelope)?;
        let declares_tasks = declares_tasks(&meta);
        let peer = self.peer_for(&context, &envelope.method, &meta);
        let (rmcp, gone) = rmcp_context(envelope, context, &peer, meta);
        let served = self.handler.call_tool(params, rmcp).await;
        gone.map(DropGuard::disarm);
        let mut result = match served {
            Ok(CallToolResponse::Task(task)) => {
                let opened = || peer.peer().peer_info();
                let takes_tasks = declares_tasks.unwrap_or_else(|| {
                    opened().is_some_and(|client| client.capabilities.supports_tasks())
                });
                if !takes_tasks {
                    let needed = ClientCapabilities::builder().enable_tasks().build();
                    return Err(error(ErrorData::missing_required_client_capability(needed)));
                }
                ServerResult::CreateTaskResult(task)
            }
            Ok(CallToolResponse::InputRequired(_)) if !modern => {
                return Err(RpcError::invalid_request(
                    "The tool asks for input with its result, which takes 2026-07-28",
                ));
            }
            Ok(response) => ServerResult::from(response),
            Err(mut failed) => {
                if modern && failed.code == ErrorCode::RESOURCE_NOT_FOUND {
                    failed.code = ErrorCode::INVALID_PARAMS;
                }
                return Err(error(failed));
            }
        };
        if !modern {
            result.strip_result_type_for_legacy_peer();
            result.strip_non_object_output_for_legacy_peer();
        }
        self.reply(envelope, modern, &result)
    }

    /// Holds the handler's answer to `initialize` against what it says it supports, and tells its
    /// peer what came of it.
    fn negotiate(
        &self,
        mut opening: InitializeRequestParams,
        served: ServerResult,
        peer: &CallPeer<H>,
    ) -> Result<ServerResult, ErrorData> {
        let ServerResult::InitializeResult(mut result) = served else {
            return Ok(served);
        };
        let supported = Service::supported_protocol_versions(&*self.handler);
        let asked = &opening.protocol_version;
        if asked.has_initialize() && supported.contains(asked) {
            result.protocol_version = asked.clone();
        } else if !result.protocol_version.has_initialize() {
            // The list is oldest first.
            let newest = supported.iter().rfind(|version| version.has_initialize());
            let newest = newest.ok_or_else(|| {
                ErrorData::unsupported_protocol_version(asked.clone(), &supported)
            })?;
            result.protocol_version = newest.clone();
        }
        opening.protocol_version = result.protocol_version.clone();
        peer.peer().set_peer_info(opening);
        Ok(ServerResult::InitializeResult(result))
    }
}

impl<H: ServerHandler> Instance for RmcpInstance<H> {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply> {
        let Call { request, context } = call;
        // Two futures, for the one that is needed most is much the smaller. Each is pinned where it
        // was made, since it is large all the same.
        if request.method == Method::ToolsCall {
            return pump::boxed(async move {
                let served = pin!(self.serve_tool(&request, context));
                caught(&request, AssertUnwindSafe(served).catch_unwind().await)
            });
        }
        pump::boxed(async move {
            let served = pin!(self.serve_any(&request, context));
            caught(&request, AssertUnwindSafe(served).catch_unwind().await)
        })
    }

    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()> {
        pump::boxed(async move {
            let Notified {
                notification,
                session,
                outbox,
            } = notified;
            let name = notification.method.as_str();
            let message = match decode::notification(&notification) {
                Ok(message) => message,
                Err(error) => {
                    tracing::debug!(method = name, %error, "a notification does not parse");
                    return;
                }
            };
            // Whoever only hears that a call is off does not need a peer made for it.
            let known = self
                .session
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let (peer, done) = match (known, &notification.method) {
                (Some(peer), _) => (peer, None),
                (None, Method::Cancelled | Method::Progress) => return,
                (None, _) => self.session_peer(&outbox, client_of(&session)),
            };
            let sent = peer.inbox.send(JsonRpcMessage::notification(message));
            if let (Ok(()), Some(mut done)) = (sent, done) {
                // The peer goes when the handler is done with it, not before.
                done.recv().await;
            }
        })
    }

    fn param_headers(&self, tool: &str) -> Arc<[ParamHeader]> {
        // The handler's own code, which may panic; the call itself then fails in its turn.
        let found = catch_unwind(AssertUnwindSafe(|| self.handler.get_tool(tool)));
        let found = found.unwrap_or_else(|_| {
            tracing::error!(tool, "get_tool panicked");
            None
        });
        match found {
            Some(tool) => self.shared.params.of(&tool),
            None => Arc::new([]),
        }
    }
}

/// What was served, or what is said of a handler that panicked.
fn caught<P>(request: &Request, served: Result<Reply, P>) -> Reply {
    served.unwrap_or_else(|_| {
        tracing::error!(method = request.method.as_str(), "the handler panicked");
        Err(RpcError::internal())
    })
}

/// What rmcp knows of a modern call's client, for handlers that ask the peer instead of the
/// request.
fn modern_client(
    version: ProtocolVersion,
    meta: &RequestMetaObject,
) -> Option<InitializeRequestParams> {
    let client = meta.client_info()?;
    let capabilities = meta.client_capabilities().unwrap_or_default();
    let mut params = InitializeRequestParams::new(capabilities, client);
    params.protocol_version = rmcp_version(version);
    Some(params)
}

/// What rmcp hands a handler along with a request. The guard cancels a call that is dropped before
/// its end, where nobody else can.
fn rmcp_context<H: ServerHandler>(
    envelope: &Request,
    context: CallContext,
    peer: &CallPeer<H>,
    meta: RequestMetaObject,
) -> (RequestContext<RoleServer>, Option<DropGuard>) {
    let mut rmcp = RequestContext::new(rmcp_id(&envelope.id), peer.peer().clone());
    let gone = match context.cancel {
        Some(cancel) => {
            rmcp.ct = cancel;
            None
        }
        None => Some(rmcp.ct.clone().drop_guard()),
    };
    rmcp.meta = meta;
    if let Some(parts) = context.parts {
        rmcp.extensions.insert(*parts);
    }
    if let Some(control) = context.control {
        rmcp.extensions.insert(control);
    }
    if context.principal != Principal::Anonymous {
        rmcp.extensions.insert(context.principal);
    }
    (rmcp, gone)
}

/// Whether a request's own metadata declares the tasks extension, without reading all it declares;
/// `None` where it declares nothing, as in a session, whose client has done so before.
fn declares_tasks(meta: &RequestMetaObject) -> Option<bool> {
    let declared = meta.get("io.modelcontextprotocol/clientCapabilities")?;
    let extensions = declared.get("extensions");
    Some(extensions.is_some_and(|extensions| extensions.get(TASKS_EXTENSION_ID).is_some()))
}

fn rmcp_id(id: &RequestId) -> NumberOrString {
    match id {
        RequestId::Integer(id) => NumberOrString::Number(*id),
        RequestId::String(id) => NumberOrString::String(id.as_ref().into()),
    }
}

fn error(error: ErrorData) -> RpcError {
    let data = error.data.map(|data| RawJson::from(data.to_string()));
    RpcError {
        code: farport_core::ErrorCode(i64::from(error.code.0)),
        message: error.message,
        data,
    }
}
