//! Changes of a session's record.

use std::sync::Arc;

use farport_core::{
    LogLevel, Method, Notification, Reply, Request, RpcError, SessionRecord, SessionStore,
};
use serde::Deserialize;

use super::{Session, SessionHost};

/// The change of a session's record by a successful request.
#[derive(Debug)]
pub(crate) enum RecordChange {
    /// Sets the minimum severity of log messages.
    LogLevel(LogLevel),
    /// Adds a subscription to a resource.
    Subscribed(String),
    /// Removes a subscription to a resource.
    Unsubscribed(String),
}

impl RecordChange {
    /// Returns the change by `request`. Most requests have none.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        #[derive(Deserialize)]
        struct SetLevel {
            level: LogLevel,
        }
        #[derive(Deserialize)]
        struct Resource {
            uri: String,
        }
        let params = || request.params.as_ref();
        let uri = || {
            params()?
                .parse::<Resource>()
                .ok()
                .map(|resource| resource.uri)
        };
        match request.method {
            Method::SetLevel => {
                let params = params()?.parse::<SetLevel>().ok()?;
                Some(Self::LogLevel(params.level))
            }
            Method::ResourcesSubscribe => uri().map(Self::Subscribed),
            Method::ResourcesUnsubscribe => uri().map(Self::Unsubscribed),
            _ => None,
        }
    }

    /// Reports whether the change is within the session's limits.
    pub(crate) fn fits(&self, record: &SessionRecord) -> bool {
        match self {
            Self::Subscribed(uri) => record.may_subscribe(uri),
            Self::LogLevel(_) | Self::Unsubscribed(_) => true,
        }
    }

    /// Applies the change to a record.
    pub(crate) fn apply(&self, record: &SessionRecord) {
        match self {
            Self::LogLevel(level) => record.set_log_level(*level),
            Self::Subscribed(uri) => record.subscribe(uri),
            Self::Unsubscribed(uri) => record.unsubscribe(uri),
        }
    }

    /// Applies and stores the change if the request succeeded, before the client receives the response.
    pub(crate) async fn store(
        self,
        reply: Reply,
        record: Arc<SessionRecord>,
        store: &dyn SessionStore,
    ) -> Reply {
        let reply = reply?;
        self.apply(&record);
        update(record, store).await?;
        Ok(reply)
    }
}

impl SessionHost {
    /// Records that the client is ready, if this is its notification.
    pub(crate) async fn mark_ready(
        &self,
        session: &Session,
        notification: &Notification,
    ) -> Result<(), RpcError> {
        let record = &session.record;
        if notification.method == Method::Initialized && record.set_initialized() {
            update(record.clone(), &**self.sessions.store()).await?;
        }
        Ok(())
    }
}

async fn update(record: Arc<SessionRecord>, store: &dyn SessionStore) -> Result<(), RpcError> {
    store.update(record).await.map_err(|error| {
        tracing::error!(%error, "the session store failed");
        RpcError::internal()
    })
}
