//! Requests of 2026-07-28, which describe themselves.

use std::{
    future::poll_fn,
    sync::{Arc, OnceLock},
};

use farport_core::{
    BoxFuture, Call, CallContext, Dispatch, Era, EventStream, InstanceContext, Method,
    ProtocolVersion, Reply, Request, RequestId, RequestMeta, ResponseShape, RpcError, Runtime,
    Share, Sink, TaskOwners, Tier, Undeliverable, asking::Asker, envelope::Rejected,
    standard_headers, tier,
};
use farport_oauth::network;
use http::{HeaderMap, Response, StatusCode};

use crate::{
    Body, Limits,
    asking::{AskingCall, AskingOutbox, Leg, Parking},
    call::{framed, unless_quiet},
    caller::Caller,
    endpoint::quiet_after,
    gate::Gate,
    negotiate::NO_EVENTS,
    outbox::ModernOutbox,
    permission::{Opener, Requested},
    refusal::Refusal,
    respond,
    shutdown::Shutdown,
    streams::Streams,
};

/// Reports whether a request is modern: its metadata or its header names a modern revision, or only
/// modern revisions have its method. An `initialize` that negotiates always opens a session.
pub(crate) fn is_modern(method: &Method, meta: &RequestMeta, headers: &HeaderMap) -> bool {
    match method {
        Method::Initialize => meta.protocol_version.is_some() && !meta.negotiates,
        Method::Discover | Method::SubscriptionsListen => true,
        _ => meta.protocol_version.is_some() || is_headed(headers),
    }
}

/// Reports whether the headers name a modern revision and no session. Some clients send their newest
/// revision in a session that negotiated an older one. Then the session decides.
pub(crate) fn is_headed(headers: &HeaderMap) -> bool {
    header_version(headers).is_some_and(|version| version.era() == Era::Modern)
        && !headers.contains_key(&standard_headers::SESSION_ID)
}

/// Returns the revision in the header, if farport supports it.
pub(crate) fn header_version(headers: &HeaderMap) -> Option<ProtocolVersion> {
    let value = headers.get(&standard_headers::PROTOCOL_VERSION)?;
    ProtocolVersion::parse(value.to_str().ok()?)
}

/// Handles the requests of 2026-07-28.
pub(crate) struct ModernCalls {
    pub(crate) dispatch: Arc<dyn Dispatch>,
    /// The owners of tasks, on a protected server.
    pub(crate) tasks: Option<TaskOwners>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) shutdown: Arc<Shutdown>,
    /// The calls that wait for their clients' answers.
    pub(crate) parking: Arc<Parking>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) limits: Limits,
}

impl ModernCalls {
    /// Handles a modern request.
    pub(crate) async fn serve(
        &self,
        request: Request,
        meta: RequestMeta,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        let refuse = |error: RpcError| invalid(&request.id, error);
        let headers = &caller.parts.headers;
        let accepted = caller.accepted;
        let (form, quiet) = (accepted.form(), quiet_after(&self.limits, accepted));
        let context = InstanceContext::new(caller.principal.clone(), None);
        let context = context.with_tasks(self.tasks.clone());
        let opener = Opener::of(&caller);
        let (method, params) = (request.method.clone(), request.params.clone());
        if meta.protocol_version.is_none() {
            return Err(refuse(RpcError::invalid_params(
                "_meta must contain io.modelcontextprotocol/protocolVersion",
            )));
        }
        standard_headers::check(headers, &request.method, &meta).map_err(refuse)?;
        let profile = self.dispatch.profile();
        let version = meta.modern_version(&profile.versions).map_err(refuse)?;
        self.gate
            .permit(&caller.principal, &caller.parts, &request, &meta)?;
        if request.method.is_session_only() {
            return Err(Refusal::of(
                &request.id,
                RpcError::method_not_found(request.method.as_str()),
            ));
        }
        let tier = match tier(Era::Modern, &request.method, &meta, profile, false) {
            // Its response has no end, so it must be a stream.
            _ if request.method == Method::SubscriptionsListen && !accepted.events() => {
                return Err(NO_EVENTS);
            }
            // A JSON body cannot carry the handler's messages. A question is a result.
            Tier::Call if !accepted.events() && meta.questions.is_some() => Tier::Asking,
            Tier::Call if !accepted.events() => Tier::Plain,
            tier => tier,
        };
        let id = request.id.clone();
        let stream = (tier == Tier::Call).then(|| self.streams.create());
        let resumed = match meta.request_state.as_deref() {
            Some(state) if Parking::issued(state) => {
                let call = self.parking.resume(state, &asker(&caller, &request, &meta));
                Some(call.map_err(|error| refuse(error.for_peer()))?)
            }
            _ => None,
        };
        let mut work = match resumed {
            Some(call) => {
                let leg = leg(&meta, stream.clone());
                call.continue_with(leg, meta.input_responses.as_ref());
                Box::pin(self.parking.clone().drive(call, id.clone()))
            }
            None => self.start(&context, request, &meta, caller, version, stream.as_ref())?,
        };
        let Some(stream) = stream else {
            // Dropped with the connection: disconnecting cancels a modern call.
            if let Some(reply) = unless_quiet(&mut work, quiet, &*self.runtime).await {
                let status = status_of(&reply);
                return Ok(respond::message(status, form, framed(&id, reply)));
            }
            let stream = self.streams.create();
            let filled = stream.clone();
            let driver = Box::pin(async move { filled.finish(Some(framed(&id, work.await))) });
            let body = self
                .streams
                .body(stream, None)
                .driven(driver)
                .opening_comment();
            let requested = Requested::new(method, params, &meta);
            return Ok(respond::stream(
                self.streams.authorized(body, opener, requested),
            ));
        };
        let status = Arc::new(OnceLock::new());
        let (filled, sent) = (stream.clone(), status.clone());
        let mut driver: BoxFuture<'static, ()> = Box::pin(async move {
            let reply = work.await;
            sent.get_or_init(|| status_of(&reply));
            filled.finish(Some(framed(&id, reply)));
        });
        let mut running = true;
        let mut first = poll_fn(|cx| {
            running = running && driver.as_mut().poll(cx).is_pending();
            stream.poll_shape(cx)
        });
        match unless_quiet(&mut first, quiet, &*self.runtime).await {
            Some(ResponseShape::Single(frame)) => {
                let status = status.get().copied().unwrap_or(StatusCode::OK);
                Ok(respond::message(status, form, frame))
            }
            // Cannot happen: the driver always ends the stream with a frame.
            Some(ResponseShape::Empty) => Err(Refusal::Internal),
            Some(ResponseShape::Stream) | None => {
                let body = self.streams.body(stream, None).opening_comment();
                let requested = Requested::new(method, params, &meta);
                let body = self.streams.authorized(body, opener, requested);
                Ok(respond::stream(if running {
                    body.driven(driver)
                } else {
                    body
                }))
            }
        }
    }

    /// Starts a call: its handler, with the sink for its messages. `stream` is the response's, if the
    /// request enables notifications.
    fn start(
        &self,
        context: &InstanceContext,
        request: Request,
        meta: &RequestMeta,
        caller: Caller,
        version: ProtocolVersion,
        stream: Option<&Arc<EventStream>>,
    ) -> Result<BoxFuture<'static, Reply>, Refusal> {
        let instance = self
            .dispatch
            .open(context)
            .map_err(|error| Refusal::of(&request.id, error))?;
        if let (Method::ToolsCall, Some(tool)) = (&request.method, meta.subject.as_deref()) {
            let params = instance.param_headers(tool);
            let headers = &caller.parts.headers;
            standard_headers::check_params(headers, meta, &params)
                .map_err(|error| invalid(&request.id, error))?;
        }
        let can_park = self.limits.parking.most > 0;
        let asks = meta.questions.is_some();
        if asks && can_park {
            let id = request.id.clone();
            let asker = asker(&caller, &request, meta);
            let share = Share::of(&caller.principal, caller.address.map(network));
            let outbox = Arc::new(AskingOutbox::new(
                leg(meta, stream.cloned()),
                meta.input_responses.as_ref(),
            ));
            let sink = Sink::Call(outbox.clone());
            let context = call_context(caller, version, sink);
            let work = instance.call(Call { request, context });
            let call = AskingCall::new(work, outbox, id.clone(), asker, share);
            return Ok(Box::pin(self.parking.clone().drive(call, id)));
        }
        let sink = match stream {
            Some(stream) => Sink::Call(Arc::new(ModernOutbox {
                stream: stream.clone(),
                log_level: meta.log_level,
                refusal: if asks {
                    Undeliverable::NoParking
                } else {
                    Undeliverable::NoRequests
                },
            })),
            None if asks => Sink::NoParking,
            None => Sink::Silent,
        };
        let mut context = call_context(caller, version, sink);
        if request.method == Method::SubscriptionsListen {
            // It never ends, so a shutdown cancels it.
            context.cancel = Some(self.shutdown.token());
        }
        Ok(instance.call(Call { request, context }))
    }
}

fn call_context(caller: Caller, version: ProtocolVersion, sink: Sink) -> CallContext {
    CallContext {
        version,
        principal: caller.principal,
        session: None,
        cancel: None,
        sink,
        parts: Some(caller.parts),
        control: None,
    }
}

/// Refuses an invalid modern request.
fn invalid(id: &RequestId, error: RpcError) -> Refusal {
    let rejected = Rejected {
        id: Some(id.clone()),
        error,
    };
    Refusal::Status(StatusCode::BAD_REQUEST, rejected)
}

/// Returns the caller of a request and its subject, which a retry of the request must repeat.
fn asker(caller: &Caller, request: &Request, meta: &RequestMeta) -> Asker {
    Asker {
        principal: caller.principal.clone(),
        method: request.method.clone(),
        subject: meta.subject.clone(),
    }
}

fn leg(meta: &RequestMeta, stream: Option<Arc<EventStream>>) -> Leg {
    Leg {
        capabilities: meta.questions.clone().unwrap_or_default(),
        stream,
        log_level: meta.log_level,
        token: meta.progress_token.clone(),
    }
}

fn status_of(reply: &Reply) -> StatusCode {
    reply
        .as_ref()
        .err()
        .map_or(StatusCode::OK, RpcError::modern_status)
}
