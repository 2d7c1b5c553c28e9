//! HTTP+SSE of 2024-11-05: one event stream, and POST requests for the client's messages.
//!
//! A session lasts as long as its stream. All messages of the server, including responses, go to that
//! stream. The response to a POST request only acknowledges the message.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use farport_core::{
    Call, Era, EventStream, Message, Method, Principal, Request, RequestMeta, RpcError, Runtime,
    SessionId, Sink, Tier,
    envelope::{self, Body as Envelope, Rejected},
    frame,
    policy::Policy,
    sse, tier,
};
use http::{Response, request::Parts};

use crate::{
    Body, Limits,
    call::{context, framed},
    caller::Caller,
    gate::Gate,
    negotiate,
    outbox::SessionOutbox,
    paths,
    permission::{Opener, StreamPermission, Subscriptions},
    refusal::Refusal,
    respond,
    session::{RecordChange, Session, SessionHost, begin},
    shutdown::Shutdown,
    slots::Slots,
    streams::Streams,
};

/// The open 2024-11-05 connections.
#[derive(Debug)]
pub(crate) struct LegacyConnections {
    open: Mutex<HashMap<SessionId, Arc<Connection>>>,
    slots: Arc<Slots>,
}

#[derive(Debug)]
struct Connection {
    id: SessionId,
    principal: Principal,
    stream: Arc<EventStream>,
    session: OnceLock<Arc<Session>>,
}

impl Connection {
    /// Writes a response. Ends the stream if the client does not read it.
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
            slots: Slots::new(limits.legacy_connections, limits.streams_of_share),
        }
    }

    fn find(&self, id: SessionId, principal: &Principal) -> Option<Arc<Connection>> {
        let found = self.lock().get(&id).cloned();
        found.filter(|connection| connection.principal == *principal)
    }

    fn insert(&self, connection: &Arc<Connection>) {
        self.lock().insert(connection.id, connection.clone());
    }

    fn remove(&self, id: SessionId) {
        let connection = self.lock().remove(&id);
        if let Some(session) = connection
            .as_ref()
            .and_then(|removed| removed.session.get())
        {
            session.close();
        }
    }

    /// Ends all streams, during shutdown.
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
struct CloseOnDrop {
    connections: Arc<LegacyConnections>,
    id: SessionId,
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.connections.remove(self.id);
    }
}

/// The subscriptions of a connection's session, once it has one.
struct LegacySubscriptions {
    connection: Weak<Connection>,
    runtime: Arc<dyn Runtime>,
}

impl StreamPermission for LegacySubscriptions {
    fn is_permitted(&mut self, policy: &Policy, principal: &Principal) -> bool {
        let Some(connection) = self.connection.upgrade() else {
            return false;
        };
        let Some(session) = connection.session.get() else {
            return true;
        };
        // The session ends with its connection, so no store has its record.
        let mut subscriptions = Subscriptions::new(session.clone(), self.runtime.clone(), None);
        subscriptions.is_permitted(policy, principal)
    }
}

/// Handles requests to `/sse` and `/sse/message`.
pub(crate) struct LegacyEndpoint {
    connections: Arc<LegacyConnections>,
    gate: Arc<Gate>,
    host: Arc<SessionHost>,
    streams: Arc<Streams>,
    shutdown: Arc<Shutdown>,
    runtime: Arc<dyn Runtime>,
    /// The path of the public URL. Empty for most servers.
    prefix: Arc<str>,
}

impl LegacyEndpoint {
    pub(crate) fn new(
        gate: Arc<Gate>,
        host: Arc<SessionHost>,
        streams: Arc<Streams>,
        shutdown: Arc<Shutdown>,
        runtime: Arc<dyn Runtime>,
        prefix: Arc<str>,
        limits: Limits,
    ) -> Self {
        Self {
            connections: Arc::new(LegacyConnections::new(limits)),
            gate,
            host,
            streams,
            shutdown,
            runtime,
            prefix,
        }
    }

    /// Ends all streams, during shutdown.
    pub(crate) fn hang_up(&self) {
        self.connections.hang_up();
    }

    /// GET /sse: opens a connection. Its first event has the URI for POST requests.
    pub(crate) fn open(&self, opener: Opener, parts: &Parts) -> Result<Response<Body>, Refusal> {
        negotiate::accepts_events(&parts.headers)?;
        self.shutdown.check()?;
        self.gate
            .admit_session(&opener.principal, opener.address, None)?;
        let id = self.host.new_id(parts);
        let stream = self.streams.create();
        let connection = Arc::new(Connection {
            id,
            principal: opener.principal.clone(),
            stream: stream.clone(),
            session: OnceLock::new(),
        });
        self.connections.insert(&connection);
        let close = CloseOnDrop {
            connections: self.connections.clone(),
            id,
        };
        let mut endpoint = Vec::new();
        let path = format!("{}{}?sessionId={id}", self.prefix, paths::SSE_MESSAGE);
        sse::endpoint(&mut endpoint, &path);
        let body = self.streams.body(stream, None).preceded(endpoint);
        let slot = self.connections.slots.take(opener.share());
        let subscriptions = LegacySubscriptions {
            connection: Arc::downgrade(&connection),
            runtime: self.runtime.clone(),
        };
        let body = self
            .streams
            .authorized_in(slot, body, opener, subscriptions);
        Ok(respond::stream(body.holding(close)))
    }

    /// POST /sse/message: handles a message. Responses go to the stream.
    pub(crate) async fn post(
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
            SessionId::parse(id).and_then(|id| self.connections.find(id, &caller.principal));
        let connection = connection.ok_or(Refusal::UnknownSession)?;
        match envelope::parse(&body)? {
            Envelope::Single(message) => {
                // Here, while the response can still have a status.
                if let Message::Request(request) = &message {
                    self.permit(request, &caller)?;
                }
                self.accept(&connection, message, caller);
            }
            Envelope::Batch(entries) => {
                let session = connection.session.get();
                if !session.is_some_and(|session| session.record.version().allows_batches()) {
                    let error = RpcError::invalid_request("This revision has no batches");
                    return Err(Refusal::Message(error.into()));
                }
                for entry in entries {
                    match entry {
                        Ok(message) => self.accept(&connection, message, caller.clone()),
                        Err(Rejected { id, error }) => {
                            connection.answer(frame::error(id.as_ref(), &error, true));
                        }
                    }
                }
            }
        }
        Ok(respond::accepted("Accepted"))
    }

    fn accept(self: &Arc<Self>, connection: &Arc<Connection>, message: Message, caller: Caller) {
        match message {
            Message::Request(request) => {
                let (endpoint, connection) = (self.clone(), connection.clone());
                self.runtime.spawn(Box::pin(async move {
                    let id = request.id.clone();
                    let answer = match request.method {
                        Method::Initialize => {
                            endpoint.initialize(&connection, request, caller).await
                        }
                        _ => endpoint.request(&connection, request, caller).await,
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
                    self.host.notify(session, notification);
                }
            }
            Message::Response(response) => {
                if let Some(session) = connection.session.get() {
                    session.exchange.resolve(response);
                }
            }
        }
    }

    fn permit(&self, request: &Request, caller: &Caller) -> Result<RequestMeta, Refusal> {
        let meta = RequestMeta::read(&request.method, request.params.as_ref())
            .map_err(|error| Refusal::of(&request.id, error))?;
        self.gate
            .permit(&caller.principal, &caller.parts, request, &meta)?;
        Ok(meta)
    }

    async fn initialize(
        &self,
        connection: &Connection,
        request: Request,
        caller: Caller,
    ) -> Result<Option<Bytes>, Refusal> {
        let id = request.id.clone();
        let stream = Some(connection.stream.clone());
        let (session, frame) = match self
            .host
            .open(connection.id, request, caller, stream)
            .await?
        {
            Ok(opened) => opened,
            Err(error) => return Ok(Some(framed(&id, Err(error)))),
        };
        if connection.session.set(session).is_err() {
            let error = RpcError::invalid_request("The session is already open");
            return Err(Refusal::of(&id, error));
        }
        Ok(Some(frame))
    }

    /// Handles a request of a session. Returns `None` if the client cancelled it.
    async fn request(
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
        let meta = self.permit(&request, &caller)?;
        let (instance, mut running) = begin(session, &request)?;
        let mut context = context(session, &running, caller);
        let profile = self.host.profile();
        let interactive = session.record.interactive;
        context.sink = match tier(Era::Session, &request.method, &meta, profile, interactive) {
            Tier::Plain | Tier::Asking => Sink::Silent,
            Tier::Session => Sink::Session(session.outbox()),
            Tier::Call => Sink::Call(Arc::new(SessionOutbox {
                session: Arc::downgrade(session),
                stream: Some(connection.stream.clone()),
                call: running.number,
            })),
        };
        let change = RecordChange::of(&request);
        if change
            .as_ref()
            .is_some_and(|change| !change.fits(&session.record))
        {
            let error = RpcError::invalid_request("The session has too many subscriptions");
            return Err(Refusal::of(&id, error));
        }
        let reply = running.start(instance, Call { request, context }).await;
        // The session ends with its connection, so no store needs the change.
        if let (Some(change), Ok(_)) = (change, &reply) {
            change.apply(&session.record);
        }
        Ok((!running.cancel.is_cancelled()).then(|| framed(&id, reply)))
    }
}
