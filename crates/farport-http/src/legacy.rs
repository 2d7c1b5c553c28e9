//! HTTP+SSE of 2024-11-05: one stream down, messages posted beside it.
//!
//! A session lives as long as its stream. Everything the server says, answers included, goes onto
//! that stream; a POST is only told that its message was taken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use farport_core::{
    Call, Era, EventStream, Message, Method, Principal, Request, RequestMeta, RpcError, SessionId,
    Sink, Tier,
    envelope::{self, Body as Envelope, Rejected},
    frame, sse, tier,
};
use http::{Response, request::Parts};

use crate::{
    Body, Limits,
    call::{context, framed},
    outbox::SessionOutbox,
    refusal::Refusal,
    respond,
    service::{Caller, Inner},
    session::{Remember, Session},
};

/// The open 2024-11-05 connections.
#[derive(Debug)]
pub(crate) struct LegacyConnections {
    open: Mutex<HashMap<SessionId, Arc<Connection>>>,
    limits: Limits,
}

#[derive(Debug)]
struct Connection {
    id: SessionId,
    principal: Principal,
    stream: Arc<EventStream>,
    session: OnceLock<Arc<Session>>,
}

impl Connection {
    /// Writes an answer, or ends a stream that is not read.
    fn answer(&self, frame: Bytes) {
        if !self.stream.answer(frame) {
            tracing::debug!(session = ?self.id, "the client does not read its stream");
            self.stream.finish(None);
        }
    }
}

impl LegacyConnections {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            open: Mutex::default(),
            limits,
        }
    }

    fn find(&self, id: SessionId, principal: &Principal) -> Option<Arc<Connection>> {
        let found = self.lock().get(&id).cloned();
        found.filter(|connection| connection.principal == *principal)
    }

    fn admit(&self, connection: &Arc<Connection>) -> Result<(), Refusal> {
        let mut open = self.lock();
        if open.len() >= self.limits.legacy_connections {
            return Err(Refusal::Unavailable("There are too many connections"));
        }
        open.insert(connection.id, connection.clone());
        Ok(())
    }

    fn leave(&self, id: SessionId) {
        let connection = self.lock().remove(&id);
        if let Some(session) = connection.as_ref().and_then(|gone| gone.session.get()) {
            session.close();
        }
    }

    /// Sends all listeners away: the process is about to end.
    pub(crate) fn hang_up(&self) {
        self.lock()
            .values()
            .for_each(|connection| connection.stream.detach());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a connection's session when its response ends.
struct Leave {
    inner: Weak<Inner>,
    id: SessionId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.legacy.leave(self.id);
        }
    }
}

impl Inner {
    /// GET /sse: opens a connection, whose first event says where to post.
    pub(crate) fn legacy_open(
        self: &Arc<Self>,
        principal: Principal,
        parts: &Parts,
    ) -> Result<Response<Body>, Refusal> {
        crate::negotiate::accepts_events(&parts.headers)?;
        self.still_open()?;
        let id = self.new_id(parts);
        let stream = Arc::new(EventStream::new(self.config.limits.stream));
        let connection = Connection {
            id,
            principal,
            stream: stream.clone(),
            session: OnceLock::new(),
        };
        self.legacy.admit(&Arc::new(connection))?;
        let leave = Leave {
            inner: Arc::downgrade(self),
            id,
        };
        let mut endpoint = Vec::new();
        sse::endpoint(&mut endpoint, &format!("/sse/message?sessionId={id}"));
        let body = self.events(stream, None).preceded(endpoint);
        Ok(respond::stream(body.holding(leave)))
    }

    /// POST /sse/message: takes a message; what it comes to goes onto the stream.
    pub(crate) async fn legacy_post(
        self: &Arc<Self>,
        caller: Caller,
        body: Bytes,
    ) -> Result<Response<Body>, Refusal> {
        let query = caller.parts.uri.query().unwrap_or_default();
        let named = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("sessionId="));
        let id = named.ok_or(Refusal::NoSession)?;
        let connection =
            SessionId::parse(id).and_then(|id| self.legacy.find(id, &caller.principal));
        let connection = connection.ok_or(Refusal::UnknownSession)?;
        match envelope::parse(&body)? {
            Envelope::Single(message) => {
                // While it can be told by a status.
                if let Message::Request(request) = &message {
                    self.legacy_permit(request, &caller)?;
                }
                self.legacy_take(&connection, message, caller);
            }
            Envelope::Batch(entries) => {
                let session = connection.session.get();
                if !session.is_some_and(|session| session.record.version().allows_batches()) {
                    let error = RpcError::invalid_request("This revision has no batches");
                    return Err(Refusal::Message(error.into()));
                }
                for entry in entries {
                    match entry {
                        Ok(message) => self.legacy_take(&connection, message, caller.clone()),
                        Err(Rejected { id, error }) => {
                            connection.answer(frame::error(id.as_ref(), &error, true));
                        }
                    }
                }
            }
        }
        Ok(respond::accepted("Accepted"))
    }

    fn legacy_take(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        message: Message,
        caller: Caller,
    ) {
        match message {
            Message::Request(request) => {
                let (inner, connection) = (self.clone(), connection.clone());
                self.runtime.spawn(Box::pin(async move {
                    let id = request.id.clone();
                    let answer = match request.method {
                        Method::Initialize => {
                            inner.legacy_initialize(&connection, request, caller).await
                        }
                        _ => inner.legacy_request(&connection, request, caller).await,
                    };
                    let frame = match answer {
                        Ok(Some(frame)) => frame,
                        Ok(None) => return,
                        Err(refusal) => refusal.into_frame(&id),
                    };
                    connection.answer(frame);
                }));
            }
            Message::Notification(notification) => {
                if let Some(session) = connection.session.get() {
                    self.notify(session, notification);
                }
            }
            Message::Response(response) => {
                if let Some(session) = connection.session.get() {
                    session.exchange.resolve(response);
                }
            }
        }
    }

    fn legacy_permit(&self, request: &Request, caller: &Caller) -> Result<RequestMeta, Refusal> {
        let meta = RequestMeta::read(&request.method, request.params.as_ref())
            .map_err(|error| Refusal::of(&request.id, error))?;
        self.permit(&caller.principal, &caller.parts, request, &meta)?;
        Ok(meta)
    }

    async fn legacy_initialize(
        &self,
        connection: &Connection,
        request: Request,
        caller: Caller,
    ) -> Result<Option<Bytes>, Refusal> {
        let id = request.id.clone();
        let stream = Some(connection.stream.clone());
        let (session, frame) = match self.open(connection.id, request, caller, stream).await? {
            Ok(opened) => opened,
            Err(error) => return Ok(Some(framed(&id, Err(error)))),
        };
        if connection.session.set(session).is_err() {
            let error = RpcError::invalid_request("The session is open already");
            return Err(Refusal::of(&id, error));
        }
        Ok(Some(frame))
    }

    /// `None` when the client has cancelled the request.
    async fn legacy_request(
        &self,
        connection: &Connection,
        request: Request,
        caller: Caller,
    ) -> Result<Option<Bytes>, Refusal> {
        let id = request.id.clone();
        let session = connection.session.get().ok_or_else(|| {
            Refusal::of(
                &id,
                RpcError::invalid_request("The session is not open yet"),
            )
        })?;
        let meta = self.legacy_permit(&request, &caller)?;
        let (instance, ongoing) = self.begin(session, &request)?;
        let mut context = context(session, &ongoing, caller);
        let profile = self.dispatch.profile();
        let interactive = session.record.interactive;
        context.sink = match tier(Era::Session, &request.method, &meta, profile, interactive) {
            Tier::Plain => Sink::Silent,
            Tier::Session => Sink::Session(session.outbox()),
            Tier::Call => Sink::Call(Arc::new(SessionOutbox {
                session: Arc::downgrade(session),
                stream: Some(connection.stream.clone()),
                call: ongoing.number,
            })),
        };
        let remember = Remember::of(&request);
        if remember
            .as_ref()
            .is_some_and(|remember| !remember.fits(&session.record))
        {
            let error = RpcError::invalid_request("The session has too many subscriptions");
            return Err(Refusal::of(&id, error));
        }
        let reply = instance.call(Call { request, context }).await;
        // The session ends with its connection: there is no store to tell.
        if let (Some(remember), Ok(_)) = (remember, &reply) {
            remember.apply(&session.record);
        }
        Ok((!ongoing.cancel.is_cancelled()).then(|| framed(&id, reply)))
    }
}
