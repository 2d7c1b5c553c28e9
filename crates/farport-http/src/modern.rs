//! 2026-07-28: requests that describe themselves.

use std::{
    future::poll_fn,
    sync::{Arc, OnceLock},
};

use farport_core::{
    BoxFuture, Call, CallContext, Era, EventStream, First, InstanceContext, Method,
    ProtocolVersion, Reply, Request, RequestMeta, RpcError, Sink, Tier, envelope::Rejected,
    standard_headers, tier,
};
use http::{HeaderMap, Response, StatusCode};

use crate::{
    Body,
    call::framed,
    outbox::ModernOutbox,
    refusal::Refusal,
    respond,
    service::{Caller, Inner},
    sse_body::SseBody,
};

/// Whether a request goes the modern way: it says so of itself, or its header does, or its method
/// exists nowhere else. An `initialize` that negotiates opens a session whatever else it carries.
pub(crate) fn is_modern(method: &Method, meta: &RequestMeta, headers: &HeaderMap) -> bool {
    match method {
        Method::Initialize => meta.protocol_version.is_some() && !meta.negotiates,
        Method::Discover | Method::SubscriptionsListen => true,
        _ => meta.protocol_version.is_some() || is_headed(headers),
    }
}

/// Whether the headers alone say that a message goes the modern way. Clients in the field send the
/// newest revision they know within a session that negotiated an older one; the session counts.
pub(crate) fn is_headed(headers: &HeaderMap) -> bool {
    header_version(headers).is_some_and(|version| version.era() == Era::Modern)
        && !headers.contains_key(&standard_headers::SESSION_ID)
}

/// The revision that the header names, if it is one that is served.
pub(crate) fn header_version(headers: &HeaderMap) -> Option<ProtocolVersion> {
    let value = headers.get(&standard_headers::PROTOCOL_VERSION)?;
    ProtocolVersion::parse(value.to_str().ok()?)
}

impl Inner {
    /// Serves a modern request.
    pub(crate) async fn modern(
        &self,
        request: Request,
        meta: RequestMeta,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        let refuse = |error: RpcError| {
            let rejected = Rejected {
                id: Some(request.id.clone()),
                error,
            };
            Refusal::Status(StatusCode::BAD_REQUEST, rejected)
        };
        let headers = &caller.parts.headers;
        let form = caller.form;
        let context = InstanceContext::new(caller.principal.clone(), None);
        if meta.protocol_version.is_none() {
            return Err(refuse(RpcError::invalid_params(
                "_meta must hold io.modelcontextprotocol/protocolVersion",
            )));
        }
        standard_headers::check(headers, &request.method, &meta).map_err(refuse)?;
        let profile = self.dispatch.profile();
        let version = meta.modern_version(&profile.versions).map_err(refuse)?;
        self.permit(&caller.principal, &caller.parts, &request, &meta)?;
        if request.method.is_session_only() {
            return Err(Refusal::of(
                &request.id,
                RpcError::method_not_found(request.method.as_str()),
            ));
        }
        let instance = self
            .dispatch
            .open(&context)
            .map_err(|error| Refusal::of(&request.id, error))?;
        if let (Method::ToolsCall, Some(tool)) = (&request.method, meta.subject.as_deref()) {
            let params = instance.param_headers(tool);
            standard_headers::check_params(headers, &meta, &params).map_err(refuse)?;
        }
        let tier = tier(Era::Modern, &request.method, &meta, profile, false);
        let mut context = CallContext {
            version,
            principal: caller.principal,
            session: None,
            cancel: None,
            sink: Sink::Silent,
            parts: Some(caller.parts),
            control: None,
        };
        let id = request.id.clone();
        if tier == Tier::Plain {
            // Dropped with the connection, which is how a modern client cancels.
            let reply = instance.call(Call { request, context }).await;
            let status = status_of(&reply);
            return Ok(respond::message(status, form, framed(&id, reply)));
        }
        if request.method == Method::SubscriptionsListen {
            // It would go on for ever; the server's end is told to it, too.
            context.cancel = Some(self.stopping.child_token());
        }
        let stream = Arc::new(EventStream::new(self.config.limits.stream));
        let outbox = ModernOutbox {
            stream: stream.clone(),
            log_level: meta.log_level,
        };
        context.sink = Sink::Call(Arc::new(outbox));
        let status = Arc::new(OnceLock::new());
        let (filled, told) = (stream.clone(), status.clone());
        let mut driver: BoxFuture<'static, ()> = Box::pin(async move {
            let reply = instance.call(Call { request, context }).await;
            told.get_or_init(|| status_of(&reply));
            filled.finish(Some(framed(&id, reply)));
        });
        let mut running = true;
        let first = poll_fn(|cx| {
            running = running && driver.as_mut().poll(cx).is_pending();
            stream.poll_first(cx)
        })
        .await;
        match first {
            First::Only(frame) => {
                let status = status.get().copied().unwrap_or(StatusCode::OK);
                Ok(respond::message(status, form, frame))
            }
            // The driver always finishes with a frame.
            First::Nothing => Err(Refusal::Internal),
            First::Stream => {
                let keep_alive = self.config.limits.keep_alive;
                let body = SseBody::new(stream, None, self.runtime.clone(), keep_alive);
                Ok(respond::stream(if running {
                    body.driven(driver)
                } else {
                    body
                }))
            }
        }
    }
}

fn status_of(reply: &Reply) -> StatusCode {
    reply
        .as_ref()
        .err()
        .map_or(StatusCode::OK, RpcError::modern_status)
}
