//! The context of a message or an instance.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Outbox, Sink};
use crate::{
    Notification, Principal, ProtocolVersion, SessionId, SessionRecord, SessionState, SessionStore,
    StreamControl, TaskOwners, session::StateStorage,
};

/// The context of an instance of the server.
///
/// ```
/// use farport_core::{InstanceContext, Principal};
///
/// # fn main() -> Result<(), farport_core::StateError> {
/// let context = InstanceContext::new(Principal::Anonymous, None);
/// assert_eq!(context.state::<u32>().get()?, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InstanceContext {
    /// The principal that the instance acts for.
    pub principal: Principal,
    /// The session; `None` for a modern request and for stdio.
    pub session: Option<SessionId>,
    /// The owners of tasks; `None` on a public server, where all callers share them.
    pub tasks: Option<TaskOwners>,
    storage: StateStorage,
}

impl InstanceContext {
    /// Creates the context of an instance that acts for `principal`, in `session` if there is one.
    pub fn new(principal: Principal, session: Option<SessionId>) -> Self {
        Self {
            principal,
            session,
            tasks: None,
            storage: StateStorage::default(),
        }
    }

    /// Creates the context of an instance in the session of `record`, which is in `store`.
    pub fn of_session(
        principal: Principal,
        record: Arc<SessionRecord>,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        Self {
            principal,
            session: Some(record.id),
            tasks: None,
            storage: StateStorage::Session(record, store),
        }
    }

    /// Sets the owners of tasks.
    #[must_use]
    pub fn with_tasks(mut self, tasks: Option<TaskOwners>) -> Self {
        self.tasks = tasks;
        self
    }

    /// Returns the state of the session. It remains when another instance resumes the session.
    pub fn state<T>(&self) -> SessionState<T> {
        SessionState::new(self.storage.clone())
    }
}

/// The context of a request.
#[derive(Debug)]
pub struct CallContext {
    /// The protocol revision of the request.
    pub version: ProtocolVersion,
    /// The principal that sent the request.
    pub principal: Principal,
    /// The session; `None` in the modern era and for `initialize`.
    pub session: Option<Arc<SessionRecord>>,
    /// Fires when the client cancels the request. `None` if the transport drops the future instead.
    pub cancel: Option<CancellationToken>,
    /// The sink for messages that the server sends during the call.
    pub sink: Sink,
    /// The head of the HTTP request, for handlers that use it.
    pub parts: Option<Box<http::request::Parts>>,
    /// Ends the response early, if the client can resume its stream.
    pub control: Option<StreamControl>,
}

/// A notification for the server. Only sessions have notifications.
#[derive(Debug)]
pub struct Notified {
    /// The notification.
    pub notification: Notification,
    /// The session that the notification belongs to.
    pub session: Arc<SessionRecord>,
    /// The outbox for messages that the server sends in return.
    pub outbox: Arc<dyn Outbox>,
}

/// The severity of a log message (RFC 5424), least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Details for debugging.
    Debug,
    /// Information.
    Info,
    /// A normal but significant event.
    Notice,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// A critical condition.
    Critical,
    /// A condition that requires immediate action.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LogLevel {
    /// All levels, least severe first.
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

    /// Returns the name on the wire.
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

    /// Parses the name of a level. Returns `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}
