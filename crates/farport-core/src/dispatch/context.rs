//! What a message brings along.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Outbox, Sink};
use crate::{
    Notification, Principal, ProtocolVersion, SessionId, SessionRecord, SessionState, SessionStore,
    StreamControl, session::Kept,
};

/// For whom an instance of the server is made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InstanceContext {
    /// On whose behalf the instance will act.
    pub principal: Principal,
    /// The session it will live in; `None` for one modern request, and for stdio.
    pub session: Option<SessionId>,
    kept: Kept,
}

impl InstanceContext {
    /// The context of an instance that acts for `principal`, in `session` if there is one.
    pub fn new(principal: Principal, session: Option<SessionId>) -> Self {
        Self {
            principal,
            session,
            kept: Kept::default(),
        }
    }

    /// The context of an instance in the session of `record`, which `store` keeps.
    pub fn of_session(
        principal: Principal,
        record: Arc<SessionRecord>,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        Self {
            principal,
            session: Some(record.id),
            kept: Kept::Session(record, store),
        }
    }

    /// What the instance remembers of its session, and is still there when another one takes the
    /// session up.
    pub fn state<T>(&self) -> SessionState<T> {
        SessionState::new(self.kept.clone())
    }
}

/// What a request brings along.
#[derive(Debug)]
pub struct CallContext {
    /// The revision that the exchange follows.
    pub version: ProtocolVersion,
    /// On whose behalf the call is made.
    pub principal: Principal,
    /// The session it belongs to; `None` in the modern era and for `initialize`.
    pub session: Option<Arc<SessionRecord>>,
    /// Fires when the client no longer wants the answer. `None` when dropping the future is how
    /// that is told.
    pub cancel: Option<CancellationToken>,
    /// Where to what the server sends meanwhile goes.
    pub sink: Sink,
    /// The HTTP request's head, for handlers that ask for it.
    pub parts: Option<Box<http::request::Parts>>,
    /// Ends the response early, where the client can come back for the rest.
    pub control: Option<StreamControl>,
}

/// A notification of the client on its way to the server. Only sessions have them.
#[derive(Debug)]
pub struct Notified {
    /// The notification.
    pub notification: Notification,
    /// The session it belongs to.
    pub session: Arc<SessionRecord>,
    /// Where to what the server sends in return goes.
    pub outbox: Arc<dyn Outbox>,
}

/// The severity of a log message (RFC 5424), least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For finding a fault.
    Debug,
    /// For information.
    Info,
    /// Normal, yet worth a notice.
    Notice,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// A critical condition.
    Critical,
    /// Somebody has to act at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LogLevel {
    /// All of them, least severe first.
    pub const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// The level of this name, or `None` where there is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}
