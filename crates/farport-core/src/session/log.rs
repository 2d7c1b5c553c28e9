//! Where the events of sessions are kept beyond the process that says them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{Event, EventStream, RequestId, RpcError, SessionId, Stored, Timestamp, frame};

/// Keeps what is said on the streams of sessions, so that a client can come back to them after the
/// process that served it has ended.
///
/// The log is told that a stream has news ([`EventLog::changed`]) and takes them when it is ready
/// to ([`EventStream::unkept`]). Until it says that it has them ([`EventStream::kept`]) no reader
/// is shown them: whatever a client has seen is in the log. Nobody who writes to a stream waits
/// for that, and what a log is behind with is bounded by what the streams hold.
pub trait EventLog: Send + Sync + 'static {
    /// `stream` has news. Called once, until the log has asked for them. Must not block.
    fn changed(&self, stream: Arc<EventStream>);

    /// What is kept of a stream of `session` after event `after`; `None` when nothing is.
    ///
    /// A stream that a process was still writing to when it died is ended before it is answered
    /// with: each request that it owes an answer gets [`KeptStream::lost`].
    fn read(&self, session: SessionId, number: u64, after: u64) -> Stored<'_, Option<KeptStream>>;

    /// Lets a stream of `session` go. Ordered after what was [changed](EventLog::changed) before.
    fn forget(&self, session: SessionId, number: u64);

    /// Ends the streams of processes that have died, and lets go those that were first seen to
    /// have ended `retention` before `now`. The caller looks after the streams it writes to itself.
    fn tidy(&self, now: Timestamp, retention: Duration) -> Stored<'_, ()>;
}

/// What is kept of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptStream {
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// The newest event that a reader was given.
    pub given: u64,
    /// Whether nothing more will be said on it.
    pub ended: bool,
}

impl KeptStream {
    /// What answers a request whose process died before it was answered.
    pub fn lost(request: &RequestId) -> Bytes {
        frame::error(Some(request), &RpcError::restarted(), true)
    }
}
