//! The host of sessions: finds them, opens them, and passes messages to their handlers.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{
    Call, CallContext, Dispatch, EventStream, Instance, InstanceContext, Method, Notification,
    Notified, Principal, Profile, ProtocolVersion, RawJson, Request, RequestId, RequestMeta,
    RpcError, Runtime, SessionId, SessionRecord, Sink, TaskOwners, Tier, standard_headers, tier,
};
use http::{HeaderMap, request::Parts};
use serde::Deserialize;

use super::initialized::spawn_notify;
use super::{BeginError, RunningCall, Session, Sessions};
use crate::{
    caller::Caller,
    modern,
    negotiate::text_header,
    permission::{Opener, Subscriptions},
    refusal::Refusal,
};

/// Finds and opens sessions, and passes messages to their handlers. Both session transports use it.
pub(crate) struct SessionHost {
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(crate) sessions: Sessions,
    /// The owners of tasks, on a protected server.
    tasks: Option<TaskOwners>,
    pub(super) runtime: Arc<dyn Runtime>,
}

impl SessionHost {
    pub(crate) fn new(
        dispatch: Arc<dyn Dispatch>,
        sessions: Sessions,
        tasks: Option<TaskOwners>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        Self {
            dispatch,
            sessions,
            tasks,
            runtime,
        }
    }

    /// Returns the server's declarations.
    pub(crate) fn profile(&self) -> &Profile {
        self.dispatch.profile()
    }

    /// Returns the session that the request names.
    pub(crate) async fn find(
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

    /// Returns the id for a new session: the id that the host chose, or else a random one.
    pub(crate) fn new_id(&self, parts: &Parts) -> SessionId {
        let chosen = parts.extensions.get::<SessionId>().copied();
        chosen.unwrap_or_else(|| SessionId::random(&*self.runtime))
    }

    /// Opens session `id` with the handler's `initialize`. The inner error is the handler's.
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
        // Messages that the handler sends during `initialize` belong to the session. So the session
        // exists before its revision is known.
        let version = ProtocolVersion::NEWEST_SESSION;
        let record = SessionRecord::new(id, caller.principal.clone(), &params);
        let record = record.counted_for(Opener::of(&caller).share());
        let opening = self.sessions.create(record);
        let (record, store) = (opening.record.clone(), self.sessions.store().clone());
        let context = InstanceContext::of_session(caller.principal.clone(), record, store);
        let context = context.with_tasks(self.tasks.clone());
        let instance = self
            .dispatch
            .open(&context)
            .map_err(|error| Refusal::of(&request_id, error))?;
        if let Some(stream) = stream {
            opening.set_server_stream(stream);
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
                    Tier::Plain | Tier::Asking | Tier::Call => Sink::Silent,
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
            tracing::error!("the handler negotiated an unsupported revision");
            Refusal::of(&request_id, RpcError::internal())
        })?;
        opening.record.negotiate(negotiated);
        opening.serve_with(instance);
        Ok(Ok((opening, frame)))
    }

    /// Handles a notification, without waiting for the handler.
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
        spawn_notify(session, instance, notified, &*self.runtime);
    }

    /// Returns the permission for the subscriptions of a session whose record is in the store.
    pub(crate) fn subscriptions(&self, session: &Arc<Session>) -> Subscriptions {
        let store = self.sessions.store().clone();
        Subscriptions::new(session.clone(), self.runtime.clone(), Some(store))
    }
}

/// Starts a call of `session`.
pub(crate) fn begin(
    session: &Arc<Session>,
    request: &Request,
) -> Result<(Arc<dyn Instance>, RunningCall), Refusal> {
    let instance = session.instance().cloned().ok_or(Refusal::UnknownSession)?;
    let refuse = |message| Refusal::of(&request.id, RpcError::invalid_request(message));
    let running = session.begin(&request.id).map_err(|reason| match reason {
        BeginError::Ended => Refusal::UnknownSession,
        BeginError::SameId => refuse("A request with this id is still running"),
        BeginError::TooMany => refuse("Too many requests of this session are running"),
    })?;
    Ok((instance, running))
}

/// Refuses an unknown revision. Accepts a known one even if it is not the session's, because some
/// clients send their newest revision after they negotiated an older one.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    if modern::header_version(headers).is_some()
        || !headers.contains_key(&standard_headers::PROTOCOL_VERSION)
    {
        return Ok(());
    }
    let error = RpcError::invalid_request("MCP-Protocol-Version is not a supported revision");
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
