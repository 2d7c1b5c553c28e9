//! Session records: the state of a session between messages.

mod id;
mod log;
mod memory;
mod state;
mod store;
mod tasks;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

pub use id::{BySessionId, SessionId, SessionIdHasher};
pub use log::{EventLog, StoredStream};
pub use memory::MemorySessions;
pub(crate) use state::StateStorage;
pub use state::{SessionState, StateError};
pub use store::{InUse, SessionLimits, SessionStore, StoreError, Stored, nothing_in_use};
pub use tasks::{LONGEST_TASK, MOST_TASKS, TaskOwners, TaskReply};

use crate::{LogLevel, Principal, ProtocolVersion, RawJson, Share};

/// A session's record.
///
/// The id finds the record, but it does not authenticate the caller. Every lookup uses principal and
/// id.
#[derive(Debug)]
pub struct SessionRecord {
    /// The id.
    pub id: SessionId,
    /// The principal that the session belongs to.
    pub principal: Principal,
    /// The party that the session counts for.
    pub share: Share,
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
    /// The maximum length of the `initialize` parameters, in bytes.
    pub const MAX_INITIALIZE: usize = 16 * 1024;

    /// The maximum number of resources that a session subscribes to.
    pub const MAX_SUBSCRIPTIONS: usize = 1024;

    /// The maximum total length of the URIs of these resources, in bytes.
    pub const MAX_SUBSCRIBED_BYTES: usize = 64 * 1024;

    /// The maximum length of the handler's state as JSON, in bytes.
    pub const MAX_STATE: usize = 64 * 1024;

    /// Creates the record of a session during `initialize`. It counts for its principal.
    pub fn new(id: SessionId, principal: Principal, initialize: &RawJson) -> Self {
        Self {
            id,
            share: Share::of(&principal, None),
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

    /// Makes the record count for `share`.
    #[must_use]
    pub fn counted_for(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Returns the negotiated revision, or the newest session revision before the negotiation.
    pub fn version(&self) -> ProtocolVersion {
        self.version
            .get()
            .copied()
            .unwrap_or(ProtocolVersion::NEWEST_SESSION)
    }

    /// Records the negotiated revision. Later calls have no effect.
    pub fn negotiate(&self, version: ProtocolVersion) {
        self.version.get_or_init(|| version);
    }

    /// Returns the minimum severity of log messages for the client. The default is `Debug`.
    pub fn log_level(&self) -> LogLevel {
        let index = usize::from(self.log_level.load(Ordering::Relaxed));
        LogLevel::ALL.get(index).copied().unwrap_or(LogLevel::Debug)
    }

    /// Records the level that the client set with `logging/setLevel`.
    pub fn set_log_level(&self, level: LogLevel) {
        self.log_level.store(level as u8, Ordering::Relaxed);
    }

    /// Reports whether the client sent `notifications/initialized`.
    pub fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Relaxed)
    }

    /// Records that the client sent `notifications/initialized`. Returns whether it is the first time.
    pub fn set_initialized(&self) -> bool {
        !self.initialized.swap(true, Ordering::Relaxed)
    }

    /// Returns the resources that the client subscribes to.
    pub fn subscriptions(&self) -> Vec<Box<str>> {
        self.subscribed().iter().cloned().collect()
    }

    /// Reports whether a subscription to `uri` is within the limits.
    pub fn may_subscribe(&self, uri: &str) -> bool {
        let subscribed = self.subscribed();
        let bytes: usize = subscribed.iter().map(|uri| uri.len()).sum();
        subscribed.contains(uri)
            || (subscribed.len() < Self::MAX_SUBSCRIPTIONS
                && bytes + uri.len() <= Self::MAX_SUBSCRIBED_BYTES)
    }

    /// Records a subscription.
    pub fn subscribe(&self, uri: &str) {
        self.subscribed().insert(uri.into());
    }

    /// Removes a subscription.
    pub fn unsubscribe(&self, uri: &str) {
        self.subscribed().remove(uri);
    }

    /// Returns the handler's state as JSON, or `None` if it is not set.
    pub fn state(&self) -> Option<Box<str>> {
        self.state.get()
    }

    /// Sets the handler's state, when a store loads the record.
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
    fn a_client_that_declares_sampling_elicitation_or_roots_is_interactive() {
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
