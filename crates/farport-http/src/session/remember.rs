//! What a request changes that has to outlive the process.

use std::sync::Arc;

use farport_core::{
    LogLevel, Method, Notification, Reply, Request, RpcError, SessionRecord, SessionStore,
};
use serde::Deserialize;

use super::Session;
use crate::service::Inner;

/// What there is to be remembered of a request that went well.
#[derive(Debug)]
pub(crate) enum Remember {
    /// The least severe log messages that the client wants.
    LogLevel(LogLevel),
    /// A resource that the client wants to hear of.
    Subscribed(String),
    /// A resource that it no longer wants to hear of.
    Unsubscribed(String),
}

impl Remember {
    /// What there is to be remembered of `request`: of most, nothing.
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

    /// Whether a session may have this remembered, too.
    pub(crate) fn fits(&self, record: &SessionRecord) -> bool {
        match self {
            Self::Subscribed(uri) => record.may_subscribe(uri),
            Self::LogLevel(_) | Self::Unsubscribed(_) => true,
        }
    }

    /// Writes it into the record of its session.
    pub(crate) fn apply(&self, record: &SessionRecord) {
        match self {
            Self::LogLevel(level) => record.set_log_level(*level),
            Self::Subscribed(uri) => record.subscribe(uri),
            Self::Unsubscribed(uri) => record.unsubscribe(uri),
        }
    }

    /// Remembers it if the request went well. A client that has its answer can rely on it.
    pub(crate) async fn keep(
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

impl Inner {
    /// Remembers that the client is ready, if this is how it says so.
    pub(crate) async fn opened(
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
