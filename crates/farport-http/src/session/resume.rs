//! Resumes a session whose record outlived the process that served it.
//!
//! The session gets a new handler. It receives what the previous one received: `initialize`,
//! `notifications/initialized`, the log level and the subscriptions.

use std::{
    pin::pin,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use farport_core::{
    Call, CallContext, Dispatch, EventBudget, EventLog, Instance, InstanceContext, Method,
    Notification, Notified, Principal, ProtocolVersion, RawJson, Reply, Request, RequestId,
    RequestMeta, RpcError, Runtime, SessionRecord, SessionStore, Sink, StoreError, TaskOwners,
    Tier,
    policy::{Kind, Policy, Verdict},
    tier,
};
use futures_util::future::{Either, select};
use http::HeaderMap;
use serde_json::json;

use super::initialized::spawn_notify;
use super::{SERVER_STREAM, Session, host::negotiated, table::LiveSessions};
use crate::{Limits, gate::remove_credentials};

/// The time limit for replaying messages to the new handler, for which a client waits.
const REPLAY_TIME: Duration = Duration::from_secs(10);

/// The outcome of resuming a session.
pub(super) type Resumed = Result<Arc<Session>, ResumeError>;

/// The reason why a session cannot be resumed.
#[derive(Clone, Copy, Debug)]
pub(super) enum ResumeError {
    /// The session has ended, or the server no longer supports it.
    Ended,
    /// The server failed. The log has the cause.
    Failed,
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the session store failed");
        Self::Failed
    }
}

/// A session that a request resumes.
pub(super) struct Resumption {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) log: Option<Arc<dyn EventLog>>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) tasks: Option<TaskOwners>,
    pub(super) budget: Arc<EventBudget>,
    pub(super) live: Arc<RwLock<LiveSessions>>,
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) replica: Arc<str>,
    pub(super) limits: Limits,
    pub(super) record: Arc<SessionRecord>,
    /// The caller, with its current claims.
    pub(super) principal: Principal,
    /// The headers of the request that resumes the session.
    pub(super) headers: HeaderMap,
}

impl Resumption {
    /// Resumes the session and adds it to the live ones.
    pub(super) async fn run(self) -> Resumed {
        let id = self.record.id;
        let resumed = self.store.resume(id).await?.ok_or(ResumeError::Ended)?;
        let stored = match &self.log {
            Some(log) => log.read(id, SERVER_STREAM, 0).await?.unwrap_or_default(),
            None => Default::default(),
        };
        let record = self.record.clone();
        let session = Session::resume(
            record,
            self.replica.clone(),
            self.limits.stream,
            &self.budget,
            resumed,
            stored,
        );
        if let Some(log) = &self.log {
            session.store_in(log.clone());
        }
        let (record, store) = (session.record.clone(), self.store.clone());
        let context = InstanceContext::of_session(self.principal.clone(), record, store);
        let context = context.with_tasks(self.tasks.clone());
        let opened = self.dispatch.open(&context);
        let instance = opened.map_err(|_| ResumeError::Failed)?;
        let replay = self.replay(&session, &instance);
        let replayed = match select(pin!(replay), self.runtime.sleep(REPLAY_TIME)).await {
            Either::Left((replayed, _)) => replayed,
            Either::Right(_) => {
                tracing::warn!(session = ?id, "resuming a session takes long: the handler has not finished initialize");
                Ok(())
            }
        };
        if let Err(error) = replayed {
            tracing::warn!(session = ?id, %error, "ended a session: the server no longer supports it");
            self.store.remove(id).await?;
            session.close();
            return Err(ResumeError::Ended);
        }
        session.serve_with(instance);
        self.live().insert(id, session.clone());
        // If the session ended during the resumption, only this code removes it.
        let record = self.store.get(id, self.runtime.now()).await?;
        if record.is_none() {
            self.live().remove(&id);
            session.close();
            return Err(ResumeError::Ended);
        }
        tracing::debug!(session = ?id, resumed, "resumed a session");
        Ok(session)
    }

    fn live(&self) -> RwLockWriteGuard<'_, LiveSessions> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn replay(
        &self,
        session: &Arc<Session>,
        instance: &Arc<dyn Instance>,
    ) -> Result<(), RpcError> {
        let record = &session.record;
        let opening = Some(record.initialize.clone());
        let opened = self
            .send(session, instance, Method::Initialize, opening)
            .await?;
        if negotiated(&opened) != Some(record.version()) {
            return Err(RpcError::invalid_request(
                "the server negotiates another revision",
            ));
        }
        if record.is_initialized() {
            let notified = Notified {
                notification: Notification {
                    method: Method::Initialized,
                    params: None,
                },
                session: record.clone(),
                outbox: session.outbox(),
            };
            // Not awaited: the handler may wait for the client, which waits for this response.
            spawn_notify(session, instance.clone(), notified, &*self.runtime);
        }
        if self.dispatch.profile().logging {
            let level = json!({ "level": record.log_level().as_str() });
            let set = self
                .send(session, instance, Method::SetLevel, params(&level))
                .await;
            if let Err(error) = set {
                tracing::warn!(session = ?record.id, %error, "cannot restore the log level");
            }
        }
        for uri in record.subscriptions() {
            if !self.permits(&uri) {
                tracing::debug!(session = ?record.id, "dropped a subscription: it is no longer permitted");
                record.unsubscribe(&uri);
                continue;
            }
            let resource = params(&json!({ "uri": uri }));
            let subscribed = self
                .send(session, instance, Method::ResourcesSubscribe, resource)
                .await;
            if let Err(error) = subscribed {
                tracing::debug!(session = ?record.id, %error, "cannot restore a subscription");
                record.unsubscribe(&uri);
            }
        }
        Ok(())
    }

    /// Reports whether the caller may still subscribe to a resource.
    fn permits(&self, uri: &str) -> bool {
        self.policy.as_ref().is_none_or(|policy| {
            policy.of(&self.principal, Kind::Resource, uri) == Verdict::Allowed
        })
    }

    /// Sends a request to the new handler.
    async fn send(
        &self,
        session: &Arc<Session>,
        instance: &Arc<dyn Instance>,
        method: Method,
        params: Option<RawJson>,
    ) -> Reply {
        let record = &session.record;
        let opens = method == Method::Initialize;
        let version = if opens {
            ProtocolVersion::NEWEST_SESSION
        } else {
            record.version()
        };
        let sink = match tier(
            version.era(),
            &method,
            &RequestMeta::default(),
            self.dispatch.profile(),
            record.interactive,
        ) {
            Tier::Session => Sink::Session(session.outbox()),
            Tier::Plain | Tier::Asking | Tier::Call => Sink::Silent,
        };
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = http::Method::POST;
        parts.uri = http::Uri::from_static("/mcp");
        parts.headers = self.headers.clone();
        remove_credentials(&mut parts.headers);
        let call = Call {
            request: Request {
                id: RequestId::Integer(0),
                method,
                params,
            },
            context: CallContext {
                version,
                principal: self.principal.clone(),
                session: (!opens).then(|| record.clone()),
                cancel: None,
                sink,
                parts: Some(Box::new(parts)),
                control: None,
            },
        };
        instance.clone().call(call).await
    }
}

fn params(value: &serde_json::Value) -> Option<RawJson> {
    Some(RawJson::from(value.to_string()))
}
