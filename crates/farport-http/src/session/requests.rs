//! Messages of a session, over streamable HTTP.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{
    Call, CallContext, EventStream, InstanceContext, Method, Notification, Notified, Principal,
    ProtocolVersion, RawJson, Request, RequestId, RequestMeta, RpcError, SessionId, SessionRecord,
    Sink, Tier, envelope::Rejected, sse::EventId, standard_headers, tier,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::{Session, UNASKED};
use crate::{
    Body,
    call::{Served, framed},
    modern,
    refusal::Refusal,
    respond,
    service::{Caller, Inner, text_header},
    sse_body::SseBody,
};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl Inner {
    /// The session that the request names.
    pub(crate) async fn session_of(
        &self,
        headers: &HeaderMap,
        principal: &Principal,
    ) -> Result<Arc<Session>, Refusal> {
        let id = match text_header(headers, &standard_headers::SESSION_ID) {
            Some(id) => SessionId::parse(id).ok_or(Refusal::UnknownSession)?,
            None if headers.contains_key(&standard_headers::SESSION_ID) => {
                return Err(Refusal::UnknownSession);
            }
            None => return Err(Refusal::NoSession),
        };
        let found = self
            .sessions
            .find(id, principal, headers, &self.dispatch, &self.runtime)
            .await?;
        check_version(headers)?;
        if tracing::enabled!(tracing::Level::DEBUG) {
            let span = tracing::Span::current();
            span.record("session", tracing::field::debug(id));
            span.record("version", found.record.version().as_str());
        }
        Ok(found)
    }

    /// Serves a request of the session era.
    pub(crate) async fn session_request(
        &self,
        request: Request,
        meta: RequestMeta,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        if request.method == Method::Initialize {
            self.permit(&caller.principal, &caller.parts, &request, &meta)?;
            return self.initialize(request, caller).await;
        }
        let headers = &caller.parts.headers;
        let session = self
            .session_of(headers, &caller.principal)
            .await
            .map_err(|refusal| {
                match refusal {
                    // The client may tell from the id which of its requests it was.
                    Refusal::UnknownSession => Refusal::Status(
                        StatusCode::NOT_FOUND,
                        Rejected {
                            id: Some(request.id.clone()),
                            error: RpcError::session_not_found(),
                        },
                    ),
                    other => other,
                }
            })?;
        let id = request.id.clone();
        let form = caller.form;
        match self.ask(&session, request, &meta, caller).await? {
            Served::Answer(frame) => Ok(respond::message(StatusCode::OK, form, frame)),
            Served::Cancelled => {
                tracing::debug!(%id, "cancelled");
                Ok(self.nothing())
            }
            Served::Stream(stream, number) => {
                Ok(self.resumable(&session, stream, number, vec![id]))
            }
        }
    }

    /// A stream that ends without a word: nobody wants what was asked for any more.
    pub(crate) fn nothing(&self) -> Response<Body> {
        let ended = Arc::new(EventStream::new(self.config.limits.stream));
        ended.finish(None);
        respond::stream(self.events(ended, None))
    }

    /// What calls of a session say, on a stream that the client can come back to. It is there to
    /// answer the requests `owed`.
    pub(crate) fn resumable(
        &self,
        session: &Arc<Session>,
        stream: Arc<EventStream>,
        number: u64,
        owed: Vec<RequestId>,
    ) -> Response<Body> {
        let most = self.config.limits.streams_per_session;
        session.keep(number, stream.clone(), owed, most);
        let body = self.events(stream, None).numbered(number);
        respond::stream(self.held(body, session, session.record.version()))
    }

    /// Takes a notification. Nobody waits for what the handler makes of it.
    pub(crate) fn notify(&self, session: &Arc<Session>, notification: Notification) {
        match &notification.method {
            Method::Cancelled => {
                if let Some(id) = cancelled_id(notification.params.as_ref()) {
                    session.cancel(&id);
                }
            }
            Method::Progress => {
                if let Some(params) = &notification.params
                    && session.exchange.progress(params)
                {
                    return;
                }
            }
            _ => {}
        }
        let Some(instance) = session.instance().cloned() else {
            return;
        };
        let notified = Notified {
            notification,
            session: session.record.clone(),
            outbox: session.outbox(),
        };
        self.runtime.spawn(instance.notify(notified));
    }

    /// Opens a session.
    async fn initialize(
        &self,
        request: Request,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        let id = request.id.clone();
        if caller
            .parts
            .headers
            .contains_key(&standard_headers::SESSION_ID)
        {
            let error = RpcError::invalid_request("initialize must not name a session");
            return Err(Refusal::of(&id, error));
        }
        let session = self.new_id(&caller.parts);
        let (session, answer) = match self.open(session, request, caller, None).await? {
            Ok(opened) => opened,
            Err(error) => return Ok(respond::json(StatusCode::OK, framed(&id, Err(error)))),
        };
        self.sessions.admit(&session, &*self.runtime).await?;
        let mut response = respond::json(StatusCode::OK, answer);
        let name = HeaderValue::from_str(&session.record.id.to_string());
        let name = name.map_err(|_| Refusal::Internal)?;
        response
            .headers_mut()
            .insert(&standard_headers::SESSION_ID, name);
        Ok(response)
    }

    /// The id of a session that is being opened: the one that the host has chosen, or else a new
    /// one.
    pub(crate) fn new_id(&self, parts: &http::request::Parts) -> SessionId {
        let chosen = parts.extensions.get::<SessionId>().copied();
        chosen.unwrap_or_else(|| SessionId::random(&*self.runtime))
    }

    /// Asks the handler to open session `id`. The inner error is the handler's own.
    pub(crate) async fn open(
        &self,
        id: SessionId,
        request: Request,
        caller: Caller,
        stream: Option<Arc<EventStream>>,
    ) -> Result<Result<(Arc<Session>, Bytes), RpcError>, Refusal> {
        let request_id = request.id.clone();
        let params = request
            .params
            .clone()
            .unwrap_or_else(|| RawJson::from("{}".to_owned()));
        if params.as_bytes().len() > SessionRecord::MAX_INITIALIZE {
            let error = RpcError::invalid_params("The parameters of initialize are too large");
            return Err(Refusal::of(&request_id, error));
        }
        // What a handler says while the session opens belongs to the session; so it needs one,
        // with a revision that is only known afterwards.
        let version = ProtocolVersion::NEWEST_SESSION;
        let record = SessionRecord::new(id, caller.principal.clone(), &params);
        let opening = self.sessions.make(record);
        let (record, store) = (opening.record.clone(), self.sessions.store().clone());
        let context = InstanceContext::of_session(caller.principal.clone(), record, store);
        let instance = self
            .dispatch
            .open(&context)
            .map_err(|error| Refusal::of(&request_id, error))?;
        if let Some(stream) = stream {
            opening.speak_on(stream);
        }
        let profile = self.dispatch.profile();
        let tier = tier(
            version.era(),
            &request.method,
            &RequestMeta::default(),
            profile,
            opening.record.interactive,
        );
        let call = Call {
            context: CallContext {
                version,
                principal: caller.principal.clone(),
                session: None,
                cancel: None,
                sink: match tier {
                    Tier::Session => Sink::Session(opening.outbox()),
                    Tier::Plain | Tier::Call => Sink::Silent,
                },
                parts: Some(caller.parts),
                control: None,
            },
            request,
        };
        let frame = match instance.clone().call(call).await {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(error)),
        };
        let negotiated = negotiated(&frame).ok_or_else(|| {
            tracing::error!("the handler negotiated a revision that is not served");
            Refusal::of(&request_id, RpcError::internal())
        })?;
        opening.record.negotiate(negotiated);
        opening.serve_with(instance);
        Ok(Ok((opening, frame)))
    }

    /// GET: listens to what the server says unasked, or comes back to a stream.
    pub(crate) async fn listen(
        &self,
        principal: &Principal,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        if modern::is_headed(headers) {
            return Err(Refusal::Method("POST, OPTIONS"));
        }
        crate::negotiate::accepts_events(headers)?;
        let session = self.session_of(headers, principal).await?;
        let last = match headers.contains_key(&LAST_EVENT_ID) {
            false => None,
            true => Some(
                text_header(headers, &LAST_EVENT_ID)
                    .and_then(EventId::parse)
                    .ok_or_else(|| {
                        Refusal::Message(
                            RpcError::invalid_request("Last-Event-ID is not ours").into(),
                        )
                    })?,
            ),
        };
        let (stream, number, after) = match last {
            Some(EventId { stream, seq }) if stream != UNASKED => {
                match self.stream_of(&session, stream).await? {
                    Some(kept) => (kept, stream, Some(seq)),
                    // It has been let go, all of it: there is nothing left to say on it.
                    None => return Err(Refusal::UnknownSession),
                }
            }
            Some(EventId { seq, .. }) => (session.unasked().clone(), UNASKED, Some(seq)),
            None => (session.unasked().clone(), UNASKED, None),
        };
        let body = self.events(stream, after).numbered(number);
        // Who stops the server after this sees the listener and sends it away.
        self.still_open()?;
        let version = session.record.version();
        Ok(respond::stream(if last.is_none() {
            self.held(body, &session, version)
        } else {
            body.holding(session.connection())
        }))
    }

    /// DELETE: ends a session.
    pub(crate) async fn delete(
        &self,
        principal: &Principal,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        if modern::is_headed(headers) {
            return Err(Refusal::Method("POST, OPTIONS"));
        }
        let session = self.session_of(headers, principal).await?;
        self.sessions.end(session.record.id).await?;
        Ok(respond::empty(StatusCode::NO_CONTENT))
    }

    /// A body that follows `stream`.
    pub(crate) fn events(&self, stream: Arc<EventStream>, after: Option<u64>) -> SseBody {
        SseBody::new(
            stream,
            after,
            self.runtime.clone(),
            self.config.limits.keep_alive,
        )
    }

    /// Primes a stream where the revision has that, and keeps its session from expiring.
    fn held(&self, body: SseBody, session: &Arc<Session>, version: ProtocolVersion) -> SseBody {
        let body = if version.primes_streams() {
            body.primed(self.config.limits.retry)
        } else {
            body
        };
        body.holding(session.connection())
    }
}

/// A revision that nobody knows is refused. One that is known is let pass even if it is not the
/// session's: clients in the field send their newest after they negotiated an older one.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    if modern::header_version(headers).is_some()
        || !headers.contains_key(&standard_headers::PROTOCOL_VERSION)
    {
        return Ok(());
    }
    let error = RpcError::invalid_request("MCP-Protocol-Version is not a revision that is served");
    Err(Refusal::Message(error.into()))
}

#[derive(Deserialize)]
struct CancelledParams {
    #[serde(rename = "requestId")]
    id: RequestId,
}

fn cancelled_id(params: Option<&RawJson>) -> Option<RequestId> {
    params?
        .parse::<CancelledParams>()
        .ok()
        .map(|params| params.id)
}

pub(super) fn negotiated(frame: &Bytes) -> Option<ProtocolVersion> {
    #[derive(Deserialize)]
    struct Frame {
        result: Opened,
    }
    #[derive(Deserialize)]
    struct Opened {
        #[serde(rename = "protocolVersion")]
        version: Box<str>,
    }
    let frame: Frame = serde_json::from_slice(frame).ok()?;
    ProtocolVersion::parse(&frame.result.version)
}
