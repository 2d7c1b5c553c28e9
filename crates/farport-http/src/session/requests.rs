//! Requests of a session over streamable HTTP.

use std::sync::Arc;

use farport_core::{
    EventStream, Method, Principal, ProtocolVersion, Request, RequestId, RequestMeta, RpcError,
    envelope::Rejected, sse::EventId, standard_headers,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::{SERVER_STREAM, Session};
use crate::{
    Body,
    call::{Served, framed},
    caller::Caller,
    endpoint::McpEndpoint,
    form::Accepted,
    modern,
    negotiate::{self, text_header},
    permission::{Opener, Requested},
    refusal::Refusal,
    respond,
    sse_body::SseBody,
};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl McpEndpoint {
    /// Handles a request of the session era.
    pub(crate) async fn session_request(
        &self,
        request: Request,
        meta: RequestMeta,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        if request.method == Method::Initialize {
            self.gate
                .permit(&caller.principal, &caller.parts, &request, &meta)?;
            return self.initialize(request, caller).await;
        }
        let headers = &caller.parts.headers;
        let session = self
            .host
            .find(headers, &caller.principal)
            .await
            .map_err(|refusal| {
                match refusal {
                    // The id tells the client which request failed.
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
        let accepted = caller.accepted;
        let opener = Opener::of(&caller);
        let (method, params) = (request.method.clone(), request.params.clone());
        match self.serve(&session, request, &meta, caller).await? {
            Served::Answer(frame) => Ok(respond::message(StatusCode::OK, accepted.form(), frame)),
            Served::Cancelled => {
                tracing::debug!(%id, "cancelled");
                Ok(self.cancelled(accepted))
            }
            Served::Stream(stream, number) => {
                let requested = vec![Requested::new(method, params, &meta)];
                Ok(self.resumable(&session, stream, number, vec![id], opener, requested))
            }
        }
    }

    /// Returns the response to cancelled requests: a stream without events, or an acknowledgement if the
    /// client accepts no stream.
    pub(crate) fn cancelled(&self, accepted: Accepted) -> Response<Body> {
        if !accepted.events() {
            return respond::accepted("");
        }
        let ended = self.streams.create();
        ended.finish(None);
        respond::stream(self.streams.body(ended, None))
    }

    /// Returns the messages of calls as a stream that the client can resume. `owed` are the requests
    /// that the stream responds to.
    pub(crate) fn resumable(
        &self,
        session: &Arc<Session>,
        stream: Arc<EventStream>,
        number: u64,
        owed: Vec<RequestId>,
        opener: Opener,
        requested: Vec<Requested>,
    ) -> Response<Body> {
        let most = self.limits.streams_per_session;
        session.retain(number, stream.clone(), owed, requested.clone(), most);
        let body = self.streams.body(stream, None).numbered(number);
        let body = self.primed(body, session, session.record.version());
        let body = self
            .streams
            .authorized(body.opening_comment(), opener, requested);
        respond::stream(body)
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
            let error = RpcError::invalid_request("initialize must not have an Mcp-Session-Id");
            return Err(Refusal::of(&id, error));
        }
        self.gate
            .admit_session(&caller.principal, caller.address, Some(&id))?;
        let session = self.host.new_id(&caller.parts);
        let form = caller.accepted.form();
        let (session, answer) = match self.host.open(session, request, caller, None).await? {
            Ok(opened) => opened,
            Err(error) => {
                let frame = framed(&id, Err(error));
                return Ok(respond::message(StatusCode::OK, form, frame));
            }
        };
        self.host.sessions.admit(&session, &*self.runtime).await?;
        let mut response = respond::message(StatusCode::OK, form, answer);
        let name = HeaderValue::from_str(&session.record.id.to_string());
        let name = name.map_err(|_| Refusal::Internal)?;
        response
            .headers_mut()
            .insert(&standard_headers::SESSION_ID, name);
        Ok(response)
    }

    /// GET: opens the session's own stream, or resumes a stream.
    pub(crate) async fn listen(
        &self,
        opener: Opener,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        if modern::is_headed(headers) {
            return Err(Refusal::Method("POST, OPTIONS"));
        }
        negotiate::accepts_events(headers)?;
        let session = self.host.find(headers, &opener.principal).await?;
        let last = if !headers.contains_key(&LAST_EVENT_ID) {
            None
        } else {
            Some(
                text_header(headers, &LAST_EVENT_ID)
                    .and_then(EventId::parse)
                    .ok_or_else(|| {
                        Refusal::Message(
                            RpcError::invalid_request("Last-Event-ID is not an id of this server")
                                .into(),
                        )
                    })?,
            )
        };
        let (stream, number, after) = match last {
            Some(EventId { stream, seq }) if stream != SERVER_STREAM => {
                match self.host.stream_of(&session, stream, &self.limits).await? {
                    Some(found) => (found, stream, Some(seq)),
                    // The stream was deleted.
                    None => return Err(Refusal::UnknownSession),
                }
            }
            Some(EventId { seq, .. }) => {
                (session.server_stream().clone(), SERVER_STREAM, Some(seq))
            }
            None => (session.server_stream().clone(), SERVER_STREAM, None),
        };
        let body = self.streams.body(stream, after).numbered(number);
        let body = match session.requested(number) {
            Some(requested) => self.streams.authorized(body, opener, requested),
            None => self
                .streams
                .authorized(body, opener, self.host.subscriptions(&session)),
        };
        // A shutdown after this check sees the new reader and detaches it.
        self.shutdown.check()?;
        let version = session.record.version();
        Ok(respond::stream(if last.is_none() {
            self.primed(body, &session, version)
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
        let session = self.host.find(headers, principal).await?;
        self.host.sessions.end(session.record.id).await?;
        Ok(respond::empty(StatusCode::NO_CONTENT))
    }

    /// Primes a stream if the revision requires it, and keeps its session from expiring.
    fn primed(&self, body: SseBody, session: &Arc<Session>, version: ProtocolVersion) -> SseBody {
        let body = if version.primes_streams() {
            body.primed(self.limits.retry)
        } else {
            body
        };
        body.holding(session.connection())
    }
}
