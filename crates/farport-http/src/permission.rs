//! The permission for an open stream, which is checked again while the stream is open.

use std::{net::IpAddr, sync::Arc};

use farport_core::{
    Call, CallContext, Method, Principal, RawJson, Request, RequestId, RequestMeta, Runtime,
    SessionStore, Share, Sink,
    policy::{Kind, Policy, Verdict},
};
use farport_oauth::network;

use crate::{auth::Credential, caller::Caller, session::Session};

/// The client that opens a stream, and its credential.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub(crate) principal: Principal,
    pub(crate) address: Option<IpAddr>,
    pub(crate) credential: Option<Arc<Credential>>,
}

impl Opener {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            principal: caller.principal.clone(),
            address: caller.address,
            credential: caller.credential.clone(),
        }
    }

    /// Returns the share that the stream counts for.
    pub(crate) fn share(&self) -> Share {
        Share::of(&self.principal, self.address.map(network))
    }
}

/// Checks again whether a principal is permitted to receive the messages of a stream.
pub(crate) trait StreamPermission: Send + 'static {
    fn is_permitted(&mut self, policy: &Policy, principal: &Principal) -> bool;
}

/// The parts of a request that decide about permission, to check it again while its stream is open.
#[derive(Clone, Debug)]
pub(crate) struct Requested {
    method: Method,
    subject: Option<Box<str>>,
    params: Option<RawJson>,
}

impl Requested {
    pub(crate) fn new(method: Method, params: Option<RawJson>, meta: &RequestMeta) -> Self {
        Self {
            method,
            subject: meta.subject.clone(),
            params,
        }
    }
}

impl StreamPermission for Requested {
    fn is_permitted(&mut self, policy: &Policy, principal: &Principal) -> bool {
        let meta = RequestMeta {
            subject: self.subject.take(),
            ..RequestMeta::default()
        };
        let params = self.params.as_ref();
        let verdict = policy.check(principal, &self.method, &meta, params);
        self.subject = meta.subject;
        verdict == Verdict::Allowed
    }
}

/// The requests of a batch that were permitted at first.
impl StreamPermission for Vec<Requested> {
    fn is_permitted(&mut self, policy: &Policy, principal: &Principal) -> bool {
        self.iter_mut()
            .all(|one| one.is_permitted(policy, principal))
    }
}

/// The subscriptions of a session. A subscription that is no longer permitted ends, together with the
/// stream for its updates.
pub(crate) struct Subscriptions {
    session: Arc<Session>,
    runtime: Arc<dyn Runtime>,
    /// The store of the session's record, if it has one.
    store: Option<Arc<dyn SessionStore>>,
}

impl Subscriptions {
    pub(crate) fn new(
        session: Arc<Session>,
        runtime: Arc<dyn Runtime>,
        store: Option<Arc<dyn SessionStore>>,
    ) -> Self {
        Self {
            session,
            runtime,
            store,
        }
    }
}

impl StreamPermission for Subscriptions {
    fn is_permitted(&mut self, policy: &Policy, principal: &Principal) -> bool {
        let record = &self.session.record;
        let mut denied = record.subscriptions();
        denied.retain(|uri| policy.of(principal, Kind::Resource, uri) != Verdict::Allowed);
        for uri in &denied {
            record.unsubscribe(uri);
            let Some(instance) = self.session.instance() else {
                continue;
            };
            let call = Call {
                request: Request {
                    id: RequestId::Integer(0),
                    method: Method::ResourcesUnsubscribe,
                    params: Some(RawJson::from(serde_json::json!({ "uri": uri }).to_string())),
                },
                context: CallContext {
                    version: record.version(),
                    principal: principal.clone(),
                    session: Some(record.clone()),
                    cancel: None,
                    sink: Sink::Silent,
                    parts: None,
                    control: None,
                },
            };
            let unsubscribed = instance.clone().call(call);
            self.runtime.spawn(Box::pin(async move {
                if let Err(error) = unsubscribed.await {
                    tracing::debug!(%error, "cannot end a subscription");
                }
            }));
        }
        if let Some(store) = self.store.clone().filter(|_| !denied.is_empty()) {
            let record = record.clone();
            self.runtime.spawn(Box::pin(async move {
                if let Err(error) = store.update(record).await {
                    tracing::error!(%error, "the session store failed");
                }
            }));
        }
        denied.is_empty()
    }
}
