//! One handler, serving one session or one modern request.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use farport_core::{
    BoxFuture, Call, CallContext, Era, Instance, Method, Notified, Outbox, Principal,
    ProtocolVersion, RawJson, Reply, Request, RequestId, RpcError, SessionRecord, Sink, StoreError,
    TaskOwners,
    frame::{self, ServerInfo},
    standard_headers::ParamHeader,
};
use futures_util::FutureExt;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler, Service,
    model::{
        CallToolResponse, ClientCapabilities, ClientRequest, ErrorCode, Implementation,
        InitializeRequestParams, JsonRpcMessage, NumberOrString, RequestMetaObject, ServerResult,
        TASKS_EXTENSION_ID,
    },
    service::RequestContext,
};
use tokio_util::sync::DropGuard;

use crate::{
    decode,
    dispatch::Shared,
    peer::{Deferred, Handled, Live, Notifications, Silent, client_of, rmcp_version},
    pump,
    rounds::Rounds,
};

/// A handler and the state it needs to serve calls.
pub(crate) struct RmcpInstance<H: ServerHandler> {
    handler: Arc<H>,
    shared: Arc<Shared>,
    /// Whether the session keeps its peer after first use, for handlers that send on their own.
    keeps_peer: bool,
    /// The owners of tasks.
    tasks: Option<TaskOwners>,
    silent: OnceLock<Arc<Silent>>,
    session: Mutex<Option<Arc<SessionPeer<H>>>>,
}

/// A peer for messages that outlive a call.
type SessionPeer<H> = Live<Notifications<H>>;

/// A call's peer, and the guard that keeps it alive.
enum CallPeer<H: ServerHandler> {
    Shared(Peer<RoleServer>),
    Fresh(Silent),
    Live(Live<Notifications<H>>),
    Deferred(Deferred<H>),
    Session(Arc<SessionPeer<H>>),
}

impl<H: ServerHandler> CallPeer<H> {
    fn peer(&self) -> &Peer<RoleServer> {
        match self {
            Self::Shared(peer) => peer,
            Self::Fresh(silent) => &silent.peer,
            Self::Live(live) => &live.peer,
            Self::Deferred(deferred) => &deferred.peer,
            Self::Session(session) => &session.peer,
        }
    }
}

impl<H: ServerHandler> CallPeer<H> {
    /// Awaits the handler, and starts the peer's loop when the handler waits.
    async fn serving<T>(&mut self, served: impl Future<Output = T>) -> T {
        let mut served = pin!(served);
        poll_fn(|cx| {
            let polled = served.as_mut().poll(cx);
            if polled.is_pending()
                && let Self::Deferred(deferred) = self
            {
                deferred.poll_start(cx);
            }
            polled
        })
        .await
    }
}

impl<H: ServerHandler> RmcpInstance<H> {
    pub(crate) fn new(
        handler: H,
        shared: Arc<Shared>,
        keeps_peer: bool,
        tasks: Option<TaskOwners>,
    ) -> Self {
        Self {
            handler: Arc::new(handler),
            shared,
            keeps_peer,
            tasks,
            silent: OnceLock::new(),
            session: Mutex::default(),
        }
    }

    pub(crate) fn handler(&self) -> &H {
        &self.handler
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
                if let Some(client) = client().filter(|it| it.protocol_version.has_initialize())
                    && let Some(peer) = Deferred::new(self.handler.clone(), outbox.clone(), client)
                {
                    return CallPeer::Deferred(peer);
                }
                let service = Notifications(self.handler.clone());
                CallPeer::Live(Live::new(service, outbox.clone(), client()))
            }
            (Sink::Session(outbox), _) => CallPeer::Session(self.session_peer(outbox, client())),
            (Sink::NoParking, _) => CallPeer::Shared(self.shared.silent.no_parking()),
            // `initialize` stores the client in its peer, so the peer cannot be shared.
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

    /// Returns the session's peer, or a new one if the session keeps none.
    fn session_peer(
        &self,
        outbox: &Arc<dyn Outbox>,
        client: Option<InitializeRequestParams>,
    ) -> Arc<SessionPeer<H>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*session {
            return session.clone();
        }
        let service = Notifications(self.handler.clone());
        let peer = Arc::new(Live::new(service, outbox.clone(), client));
        if self.keeps_peer {
            *session = Some(peer.clone());
        }
        peer
    }

    /// Encodes the response to `request`.
    fn reply(&self, request: &Request, modern: bool, result: &ServerResult) -> Reply {
        let info = modern.then(|| ServerInfo {
            json: &self.shared.server_info,
            alone: matches!(result, ServerResult::CallToolResult(result) if result.meta.is_none()),
        });
        frame::response(&request.id, result, info).map_err(|error| {
            tracing::error!(%error, "cannot serialize a result of the handler");
            RpcError::internal()
        })
    }

    /// Handles a request about the caller's tasks.
    async fn serve_task(
        &self,
        mut envelope: Request,
        context: CallContext,
        tasks: &TaskOwners,
    ) -> Reply {
        let caller = context.principal.clone();
        let admitted = tasks.admit(&mut envelope, &caller).await;
        let how = admitted.map_err(|error| store_failed(&error))?;
        let served = pin!(self.serve_any(&envelope, context));
        let reply = caught(&envelope, AssertUnwindSafe(served).catch_unwind().await);
        let completed = tasks.complete(how, reply, &caller).await;
        completed.map_err(|error| store_failed(&error))?
    }

    async fn serve_any(&self, envelope: &Request, context: CallContext) -> Reply {
        let modern = context.version.era() == Era::Modern;
        let (request, meta) = decode::request(envelope)?;
        let opening = match &request {
            ClientRequest::InitializeRequest(request) => Some(request.params.clone()),
            _ => None,
        };
        let mut peer = self.peer_for(&context, &envelope.method, &meta);
        let (rmcp, guard) = rmcp_context(envelope, context, &peer, meta);
        let rounds = (!modern && envelope.method.allows_input_required())
            .then(|| Rounds::prepare(&rmcp))
            .flatten();
        if let Some(rounds) = rounds {
            let result = Box::pin(self.in_rounds(envelope, request, rmcp, rounds));
            let result = peer.serving(result).await;
            guard.map(DropGuard::disarm);
            return self.reply(envelope, modern, &result?);
        }
        let result = Service::handle_request(&*self.handler, request, rmcp);
        let result = peer.serving(result).await;
        guard.map(DropGuard::disarm);
        let mut result = result.map_err(error)?;
        if let Some(opening) = opening {
            result = self.negotiate(opening, result, &peer).map_err(error)?;
        }
        self.reply(envelope, modern, &result)
    }

    /// Calls a tool without rmcp's general dispatch, which reads a modern request's metadata four
    /// times and copies the capabilities of a session's client. Applies the same rules for tools: only
    /// a client that declared tasks gets one, and the result is translated to the request's revision.
    async fn serve_tool(&self, envelope: &Request, context: CallContext) -> Reply {
        let modern = context.version.era() == Era::Modern;
        let (params, meta) = decode::tool_call(envelope)?;
        let declares_tasks = declares_tasks(&meta);
        let creator = self.tasks.as_ref().map(|_| context.principal.clone());
        let mut peer = self.peer_for(&context, &envelope.method, &meta);
        let (rmcp, guard) = rmcp_context(envelope, context, &peer, meta);
        let rounds = (!modern).then(|| Rounds::prepare(&rmcp)).flatten();
        let mut served = peer.serving(self.handler.call_tool(params, rmcp)).await;
        if let Some(rounds) = rounds
            && let Ok(CallToolResponse::InputRequired(required)) = served
        {
            // Boxed, because most calls need no second round.
            let more = Box::pin(self.more_rounds(envelope, rounds, required));
            served = peer.serving(more).await?;
        }
        guard.map(DropGuard::disarm);
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
                if let (Some(tasks), Some(creator)) = (&self.tasks, &creator) {
                    let bound = tasks.bind(&task.task.task_id, creator).await;
                    if !bound.map_err(|error| store_failed(&error))? {
                        tracing::error!(
                            "the handler returned a task with the id of another user's task"
                        );
                        return Err(RpcError::internal());
                    }
                }
                ServerResult::CreateTaskResult(task)
            }
            Ok(CallToolResponse::InputRequired(_)) if !modern => {
                return Err(RpcError::invalid_request(
                    "The tool needs input from the client, which declared none of elicitation, sampling and roots",
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

    /// Checks the handler's response to `initialize` against its supported revisions, and passes the
    /// negotiated revision to its peer.
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
        let requested = &opening.protocol_version;
        if requested.has_initialize() && supported.contains(requested) {
            result.protocol_version = requested.clone();
        } else if !result.protocol_version.has_initialize() {
            // The list starts with the oldest.
            let newest = supported.iter().rfind(|version| version.has_initialize());
            let newest = newest.ok_or_else(|| {
                ErrorData::unsupported_protocol_version(requested.clone(), &supported)
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
        // Two futures, because the common one is much smaller. Each is pinned where it is created,
        // because both are large.
        if request.method == Method::ToolsCall {
            return pump::boxed(async move {
                let served = pin!(self.serve_tool(&request, context));
                caught(&request, AssertUnwindSafe(served).catch_unwind().await)
            });
        }
        if let Some(tasks) = self.tasks.clone()
            && is_about_tasks(&request.method)
        {
            return pump::boxed(async move { self.serve_task(request, context, &tasks).await });
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
            let mut message = match decode::notification(&notification) {
                Ok(message) => message,
                Err(error) => {
                    tracing::debug!(method = name, %error, "cannot parse a notification");
                    return;
                }
            };
            // A handler that only receives a cancellation does not need its own peer.
            let known = self
                .session
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let peer = match (known, &notification.method) {
                (Some(peer), _) => peer,
                (None, Method::Cancelled | Method::Progress) => return,
                (None, _) => self.session_peer(&outbox, client_of(&session)),
            };
            let handled = Handled::attach(&mut message);
            if peer
                .inbox
                .send(JsonRpcMessage::notification(message))
                .is_ok()
            {
                // A peer that the session does not keep lives until the handler has finished with it.
                handled.wait().await;
            }
        })
    }

    fn param_headers(&self, tool: &str) -> Arc<[ParamHeader]> {
        // The author's code, which may panic. The call then fails as well.
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

fn is_about_tasks(method: &Method) -> bool {
    matches!(
        method,
        Method::TasksGet
            | Method::TasksUpdate
            | Method::TasksCancel
            | Method::TasksResult
            | Method::TasksList
    )
}

/// Logs a failure of the session store. The peer only learns that the server failed.
fn store_failed(error: &StoreError) -> RpcError {
    tracing::error!(%error, "the session store failed");
    RpcError::internal()
}

/// Returns the served result, or the error for a handler that panicked.
fn caught<P>(request: &Request, served: Result<Reply, P>) -> Reply {
    served.unwrap_or_else(|_| {
        tracing::error!(method = request.method.as_str(), "the handler panicked");
        Err(RpcError::internal())
    })
}

/// Describes a modern call's client to rmcp, for handlers that read the peer instead of the
/// request.
///
/// A client that accepts questions gets the last revision of the session era, because rmcp's peer
/// refuses to send requests in a newer one. The outbox turns them into an `input_required` result.
/// The context of the request still has the real revision.
fn modern_client(
    version: ProtocolVersion,
    meta: &RequestMetaObject,
) -> Option<InitializeRequestParams> {
    let capabilities = meta.client_capabilities().unwrap_or_default();
    let asks = capabilities.elicitation.is_some()
        || capabilities.sampling.is_some()
        || capabilities.roots.is_some();
    let client = match meta.client_info() {
        Some(client) => client,
        None if asks => Implementation::new("unknown", "unknown"),
        None => return None,
    };
    let mut params = InitializeRequestParams::new(capabilities, client);
    params.protocol_version = rmcp_version(if asks {
        ProtocolVersion::V2025_11_25
    } else {
        version
    });
    Some(params)
}

/// Creates the context that rmcp passes to a handler with a request. The guard cancels a call that is
/// dropped before its end, if the call has no other way to be cancelled.
fn rmcp_context<H: ServerHandler>(
    envelope: &Request,
    context: CallContext,
    peer: &CallPeer<H>,
    meta: RequestMetaObject,
) -> (RequestContext<RoleServer>, Option<DropGuard>) {
    let mut rmcp = RequestContext::new(rmcp_id(&envelope.id), peer.peer().clone());
    let guard = match context.cancel {
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
    (rmcp, guard)
}

/// Reports whether a request's own metadata declares the tasks extension, without parsing all
/// capabilities. `None` if it declares none, as in a session, whose client declared them in
/// `initialize`.
fn declares_tasks(meta: &RequestMetaObject) -> Option<bool> {
    let declared = meta.get("io.modelcontextprotocol/clientCapabilities")?;
    let extensions = declared.get("extensions");
    Some(extensions.is_some_and(|extensions| extensions.get(TASKS_EXTENSION_ID).is_some()))
}

pub(crate) fn rmcp_id(id: &RequestId) -> NumberOrString {
    match id {
        RequestId::Integer(id) => NumberOrString::Number(*id),
        RequestId::String(id) => NumberOrString::String(id.as_ref().into()),
    }
}

pub(crate) fn error(error: ErrorData) -> RpcError {
    let data = error.data.map(|data| RawJson::from(data.to_string()));
    RpcError {
        code: farport_core::ErrorCode(i64::from(error.code.0)),
        message: error.message,
        data,
    }
}
