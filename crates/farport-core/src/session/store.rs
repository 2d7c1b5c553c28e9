//! Session stores.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{BoxFuture, EventLog, SessionId, SessionRecord, Share, Timestamp};

/// Limits on the number of sessions in a store, and on their idle time.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The maximum number of sessions. One more ends a session of the [`Share`] that has the most: the
    /// least recently used one, but one with an open stream only if that share has no other.
    pub most: usize,
    /// The maximum number of sessions of one [`Share`]. 0 means no separate limit.
    pub most_of_share: usize,
    /// The idle time after which a session expires.
    pub idle: Duration,
}

/// Reports whether a session has an open stream or a running call. Such sessions make room last.
pub type InUse = Arc<dyn Fn(SessionId) -> bool + Send + Sync>;

/// Returns an [`InUse`] that is always false, for stores whose sessions no process serves.
pub fn nothing_in_use() -> InUse {
    Arc::new(|_| false)
}

impl Default for SessionLimits {
    /// 10,000 sessions without a limit per share, and 30 minutes.
    fn default() -> Self {
        Self {
            most: 10_000,
            most_of_share: 0,
            idle: Duration::from_secs(30 * 60),
        }
    }
}

/// A failure of a session store. Peers only learn that the server failed.
#[derive(Debug, thiserror::Error)]
#[error("session store: {0}")]
pub struct StoreError(pub Box<dyn std::error::Error + Send + Sync>);

/// The future result of a store operation. A store in memory returns it without an allocation.
pub enum Stored<'a, T> {
    /// A result that is ready.
    Ready(Option<Result<T, StoreError>>),
    /// A result to wait for.
    Later(BoxFuture<'a, Result<T, StoreError>>),
}

impl<T> Stored<'_, T> {
    /// Creates a result that is ready.
    pub fn ready(value: T) -> Self {
        Self::Ready(Some(Ok(value)))
    }
}

impl<T: Unpin> Future for Stored<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            // A future that is polled after completion may stay pending.
            Self::Ready(value) => value.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(future) => future.as_mut().poll(cx),
        }
    }
}

/// Stores session records. Every store passes the same test suite.
///
/// A record expires when no lookup has found it for the idle time. The store holds a bounded number of
/// records. To make room, it ends sessions of the [`Share`] that has the most.
pub trait SessionStore: Send + Sync + 'static {
    /// Adds a record. Returns the sessions that the store ended to make room for it. It ends those
    /// `in_use` last.
    fn insert(
        &self,
        record: Arc<SessionRecord>,
        now: Timestamp,
        in_use: InUse,
    ) -> Stored<'_, Vec<SessionId>>;

    /// Returns the record of this id, and restarts its idle time.
    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>>;

    /// Counts one more process that resumes a session, and returns the new count. Returns `None` for an
    /// unknown session. Concurrent callers receive different counts.
    fn resume(&self, id: SessionId) -> Stored<'_, Option<u32>>;

    /// Stores the changes of a record: its log level, its subscriptions, whether the client is ready,
    /// and the handler's state. Ignores an unknown session.
    fn update(&self, record: Arc<SessionRecord>) -> Stored<'_, ()>;

    /// Removes a session. Returns whether it existed.
    fn remove(&self, id: SessionId) -> Stored<'_, bool>;

    /// Removes the sessions that have been idle for too long. Returns their ids.
    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>>;

    /// Records that `owner` created the task `id`, unless the task has an owner. Returns whether
    /// `owner` is its owner now. The store holds up to [`MOST_TASKS`](crate::MOST_TASKS) tasks.
    fn bind_task(&self, id: &str, owner: &Share) -> Stored<'_, bool>;

    /// Returns the owner of the task `id`.
    fn task_owner(&self, id: &str) -> Stored<'_, Option<Share>>;

    /// Returns the log that stores the sessions' events, or `None` if they end with the process.
    fn events(&self) -> Option<Arc<dyn EventLog>> {
        None
    }
}
