//! Persistent storage for the events of sessions.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{Event, EventStream, RequestId, RpcError, SessionId, Stored, Timestamp, frame};

/// Stores the events of session streams, so that a client can resume a stream after the process that
/// served it has ended.
///
/// A stream notifies its log of new events ([`EventLog::changed`]). When the log is ready, it takes
/// them ([`EventStream::take_unstored`]), stores them, and confirms that
/// ([`EventStream::mark_stored`]). Readers receive an event only after the log has stored it, so the
/// log has every event that a client has seen. Writers never wait for the log, and the streams'
/// limits bound how far it can fall behind.
pub trait EventLog: Send + Sync + 'static {
    /// Receives the notice that `stream` has new events. The stream sends no further notice until the
    /// log has taken them. Must not block.
    fn changed(&self, stream: Arc<EventStream>);

    /// Reads the events of a stream of `session` after event `after`. Returns `None` for a stream that
    /// is not in the log.
    ///
    /// If the process that wrote the stream died, this ends the stream first, and answers each pending
    /// request with [`StoredStream::lost`].
    fn read(&self, session: SessionId, number: u64, after: u64)
    -> Stored<'_, Option<StoredStream>>;

    /// Deletes a stream of `session`, after earlier [changes](EventLog::changed).
    fn forget(&self, session: SessionId, number: u64);

    /// Ends the streams of processes that have died, and deletes those whose end it first saw at least
    /// `retention` before `now`. The caller itself deletes the streams that it writes.
    fn tidy(&self, now: Timestamp, retention: Duration) -> Stored<'_, ()>;
}

/// A stream in an event log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredStream {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number of the newest event that a reader has received.
    pub given: u64,
    /// Whether the stream is complete.
    pub ended: bool,
}

impl StoredStream {
    /// Returns the response to a request whose process died before it responded.
    pub fn lost(request: &RequestId) -> Bytes {
        frame::error(Some(request), &RpcError::restarted(), true)
    }
}
