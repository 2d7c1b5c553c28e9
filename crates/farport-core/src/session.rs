//! Sessions as records: what is remembered of a client between its messages.

mod id;
mod log;
mod memory;
mod state;
mod store;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

pub use id::{BySessionId, SessionId, SessionIdHasher};
pub use log::{EventLog, KeptStream};
pub use memory::MemorySessions;
pub(crate) use state::Kept;
pub use state::{SessionState, StateError};
pub use store::{SessionLimits, SessionStore, StoreError, Stored};

use crate::{LogLevel, Principal, ProtocolVersion, RawJson};

/// What is remembered of a session.
///
/// The id finds the record; it does not prove who asks. Every lookup is by principal and id.
#[derive(Debug)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub principal: Principal,
    /// The parameters of `initialize`: the client's name and capabilities.
    pub initialize: RawJson,
    /// Whether the client declared sampling, elicitation or roots.
    pub interactive: bool,
    version: OnceLock<ProtocolVersion>,
    log_level: AtomicU8,
    initialized: AtomicBool,
    subscriptions: Mutex<BTreeSet<Box<str>>>,
    state: state::StateText,
}

impl SessionRecord {
    /// The longest `initialize` parameters that a session remembers, in bytes.
    pub const MAX_INITIALIZE: usize = 16 * 1024;

    /// The most resources that a session is subscribed to.
    pub const MAX_SUBSCRIPTIONS: usize = 1024;

    /// How long the URIs of all those resources may be together, in bytes.
    pub const MAX_SUBSCRIBED_BYTES: usize = 64 * 1024;

    /// How long what a handler remembers of a session may be, as JSON, in bytes.
    pub const MAX_STATE: usize = 64 * 1024;

    /// A record of a session that is being opened.
    pub fn new(id: SessionId, principal: Principal, initialize: &RawJson) -> Self {
        Self {
            id,
            principal,
            version: OnceLock::new(),
            interactive: is_interactive(initialize),
            initialize: initialize.detached(),
            log_level: AtomicU8::new(0),
            initialized: AtomicBool::new(false),
            subscriptions: Mutex::default(),
            state: state::StateText::default(),
        }
    }

    /// The revision that was negotiated; the newest there is while that is still going on.
    pub fn version(&self) -> ProtocolVersion {
        self.version
            .get()
            .copied()
            .unwrap_or(ProtocolVersion::NEWEST_SESSION)
    }

    /// Remembers what was negotiated. It stays: a session has one revision.
    pub fn negotiate(&self, version: ProtocolVersion) {
        self.version.get_or_init(|| version);
    }

    /// The least severe log messages that the client wants. All, until it says otherwise.
    pub fn log_level(&self) -> LogLevel {
        let index = usize::from(self.log_level.load(Ordering::Relaxed));
        LogLevel::ALL.get(index).copied().unwrap_or(LogLevel::Debug)
    }

    /// Remembers what the client asked for with `logging/setLevel`.
    pub fn set_log_level(&self, level: LogLevel) {
        self.log_level.store(level as u8, Ordering::Relaxed);
    }

    /// Whether the client has said that it is ready, with `notifications/initialized`.
    pub fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Relaxed)
    }

    /// Remembers that the client is ready. Answers whether that is news.
    pub fn set_initialized(&self) -> bool {
        !self.initialized.swap(true, Ordering::Relaxed)
    }

    /// The resources that the client is subscribed to.
    pub fn subscriptions(&self) -> Vec<Box<str>> {
        self.subscribed().iter().cloned().collect()
    }

    /// Whether one more subscription is within what a session may have.
    pub fn may_subscribe(&self, uri: &str) -> bool {
        let subscribed = self.subscribed();
        let bytes: usize = subscribed.iter().map(|uri| uri.len()).sum();
        subscribed.contains(uri)
            || (subscribed.len() < Self::MAX_SUBSCRIPTIONS
                && bytes + uri.len() <= Self::MAX_SUBSCRIBED_BYTES)
    }

    /// Remembers that the client is subscribed to a resource.
    pub fn subscribe(&self, uri: &str) {
        self.subscribed().insert(uri.into());
    }

    /// Forgets that the client was subscribed to a resource.
    pub fn unsubscribe(&self, uri: &str) {
        self.subscribed().remove(uri);
    }

    /// What the handler remembers of the session, as JSON; `None` until it does.
    pub fn state(&self) -> Option<Box<str>> {
        self.state.get()
    }

    /// Has the record hold what a handler remembered, as a store has it.
    pub fn set_state(&self, state: Option<Box<str>>) {
        self.state.set(state);
    }

    pub(crate) fn state_text(&self) -> &state::StateText {
        &self.state
    }

    fn subscribed(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_interactive(initialize: &RawJson) -> bool {
    #[derive(serde::Deserialize)]
    struct Initialize {
        capabilities: Option<Capabilities>,
    }
    #[derive(serde::Deserialize)]
    struct Capabilities {
        sampling: Option<serde::de::IgnoredAny>,
        elicitation: Option<serde::de::IgnoredAny>,
        roots: Option<serde::de::IgnoredAny>,
    }
    let read: Result<Initialize, _> = initialize.read();
    read.ok()
        .and_then(|initialize| initialize.capabilities)
        .is_some_and(|capabilities| {
            capabilities.sampling.is_some()
                || capabilities.elicitation.is_some()
                || capabilities.roots.is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_interactive_when_it_declares_that_it_can_be_asked() {
        for (initialize, expect) in [
            ("{}", false),
            (r#"{"capabilities":{}}"#, false),
            (r#"{"capabilities":{"experimental":{"roots":{}}}}"#, false),
            (r#"{"capabilities":{"roots":{"listChanged":true}}}"#, true),
            (r#"{"capabilities":{"sampling":{}}}"#, true),
            (r#"{"capabilities":{"elicitation":{}}}"#, true),
        ] {
            assert_eq!(
                is_interactive(&RawJson::from(initialize.to_owned())),
                expect
            );
        }
    }
}
