//! Taking up a session whose record outlived the process that served it.
//!
//! The handler is a new one. It is told what the one before it was told: how the client opened the
//! session, that it is ready, which log messages it wants and which resources it watches.

use std::{
    pin::pin,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use farport_core::{
    Call, CallContext, Dispatch, EventLog, Instance, InstanceContext, Method, Notification,
    Notified, Principal, ProtocolVersion, RawJson, Reply, Request, RequestId, RequestMeta,
    RpcError, Runtime, SessionRecord, SessionStore, Sink, StoreError, Tier,
    policy::{Kind, Policy, Verdict},
    tier,
};
use futures_util::future::{Either, select};
use http::HeaderMap;
use serde_json::json;

use super::{Session, UNASKED, requests::negotiated, table::Here};
use crate::Limits;

/// How long a handler may take to hear what it missed. A client waits for it.
const REPLAY_TIME: Duration = Duration::from_secs(10);

/// What comes of taking up a session.
pub(super) type Revived = Result<Arc<Session>, NotRevived>;

/// Why a session was not taken up.
#[derive(Clone, Copy, Debug)]
pub(super) enum NotRevived {
    /// It has ended, or the server as it is now does not serve it.
    Gone,
    /// The server failed; the reason is in its log.
    Failed,
}

impl From<StoreError> for NotRevived {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the session store failed");
        Self::Failed
    }
}

/// A session that is being taken up.
pub(super) struct Revival {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) log: Option<Arc<dyn EventLog>>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) here: Arc<RwLock<Here>>,
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) replica: Arc<str>,
    pub(super) limits: Limits,
    pub(super) record: Arc<SessionRecord>,
    /// Who asks for it: as much as is known of them now.
    pub(super) principal: Principal,
    /// The headers of the request that found the session.
    pub(super) headers: HeaderMap,
}

impl Revival {
    /// Takes the session up, so that it is found among those that are here.
    pub(super) async fn run(self) -> Revived {
        let id = self.record.id;
        let lives = self.store.revive(id).await?.ok_or(NotRevived::Gone)?;
        let said = match &self.log {
            Some(log) => log.read(id, UNASKED, 0).await?.unwrap_or_default(),
            None => Default::default(),
        };
        let record = self.record.clone();
        let session = Session::revive(
            record,
            self.replica.clone(),
            self.limits.stream,
            lives,
            said,
        );
        if let Some(log) = &self.log {
            session.keep_in(log.clone());
        }
        let (record, store) = (session.record.clone(), self.store.clone());
        let context = InstanceContext::of_session(self.principal.clone(), record, store);
        let opened = self.dispatch.open(&context);
        let instance = opened.map_err(|_| NotRevived::Failed)?;
        let told = self.replay(&session, &instance);
        let told = match select(pin!(told), self.runtime.sleep(REPLAY_TIME)).await {
            Either::Left((told, _)) => told,
            Either::Right(_) => {
                tracing::warn!(session = ?id, "the handler takes long to hear what it missed");
                Ok(())
            }
        };
        if let Err(error) = told {
            tracing::warn!(session = ?id, %error, "the server no longer serves this session");
            self.store.remove(id).await?;
            session.close();
            return Err(NotRevived::Gone);
        }
        session.serve_with(instance);
        self.here().insert(id, session.clone());
        // It may have ended meanwhile; then nobody else would let it go.
        let record = self.store.get(id, self.runtime.now()).await?;
        if record.is_none() {
            self.here().remove(&id);
            session.close();
            return Err(NotRevived::Gone);
        }
        tracing::debug!(session = ?id, lives, "session taken up");
        Ok(session)
    }

    fn here(&self) -> RwLockWriteGuard<'_, Here> {
        self.here.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn replay(
        &self,
        session: &Arc<Session>,
        instance: &Arc<dyn Instance>,
    ) -> Result<(), RpcError> {
        let record = &session.record;
        let opening = Some(record.initialize.clone());
        let opened = self
            .tell(session, instance, Method::Initialize, opening)
            .await?;
        if negotiated(&opened) != Some(record.version()) {
            return Err(RpcError::invalid_request("another revision is negotiated"));
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
            // What the handler makes of it may wait for the client, which waits for us.
            self.runtime.spawn(instance.clone().notify(notified));
        }
        if self.dispatch.profile().logging {
            let level = json!({ "level": record.log_level().as_str() });
            let set = self
                .tell(session, instance, Method::SetLevel, params(&level))
                .await;
            if let Err(error) = set {
                tracing::warn!(session = ?record.id, %error, "the log level was not restored");
            }
        }
        for uri in record.subscriptions() {
            if !self.permits(&uri) {
                tracing::debug!(session = ?record.id, "a subscription is not allowed any more");
                record.unsubscribe(&uri);
                continue;
            }
            let resource = params(&json!({ "uri": uri }));
            let subscribed = self
                .tell(session, instance, Method::ResourcesSubscribe, resource)
                .await;
            if let Err(error) = subscribed {
                tracing::debug!(session = ?record.id, %error, "a subscription was not restored");
                record.unsubscribe(&uri);
            }
        }
        Ok(())
    }

    /// Whether who asks may still hear of a resource.
    fn permits(&self, uri: &str) -> bool {
        self.policy.as_ref().is_none_or(|policy| {
            policy.of(&self.principal, Kind::Resource, uri) == Verdict::Allowed
        })
    }

    /// Tells the handler once more what it was told before.
    async fn tell(
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
            Tier::Plain | Tier::Call => Sink::Silent,
        };
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = http::Method::POST;
        parts.uri = http::Uri::from_static("/mcp");
        parts.headers = self.headers.clone();
        // Proves something to us; nobody else has a use for it.
        parts.headers.remove(http::header::AUTHORIZATION);
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
