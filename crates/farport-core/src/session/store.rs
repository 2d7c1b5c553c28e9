//! Where session records live.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{BoxFuture, EventLog, SessionId, SessionRecord, Timestamp};

/// How many sessions there may be, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The most sessions; one more ends the one that has been idle for longest.
    pub most: usize,
    /// How long a session may be idle.
    pub idle: Duration,
}

impl Default for SessionLimits {
    /// 10,000 sessions, 30 minutes.
    fn default() -> Self {
        Self {
            most: 10_000,
            idle: Duration::from_secs(30 * 60),
        }
    }
}

/// Why a store could not answer. The peer is told nothing of it but that the server failed.
#[derive(Debug, thiserror::Error)]
#[error("session store: {0}")]
pub struct StoreError(pub Box<dyn std::error::Error + Send + Sync>);

/// A store's answer: at hand, or to wait for. A store in memory answers without an allocation.
pub enum Stored<'a, T> {
    /// At hand.
    Ready(Option<Result<T, StoreError>>),
    /// To wait for.
    Later(BoxFuture<'a, Result<T, StoreError>>),
}

impl<T> Stored<'_, T> {
    /// An answer that is at hand.
    pub fn ready(value: T) -> Self {
        Self::Ready(Some(Ok(value)))
    }
}

impl<T: Unpin> Future for Stored<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            // A future that is polled after it was ready may stay pending.
            Self::Ready(value) => value.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(future) => future.as_mut().poll(cx),
        }
    }
}

/// Keeps session records. Each store has the same suite to pass.
///
/// A record that is not looked at for the idle time expires. The store holds a bounded number;
/// to make room it ends those that have been idle for longest.
pub trait SessionStore: Send + Sync + 'static {
    /// Adds a record. Answers with the sessions that had to go for it.
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>>;

    /// The record of this id, which is from now on not idle.
    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>>;

    /// Takes a session up in a process that has not served it so far. Answers how many processes
    /// have done so, this one included; `None` when the session is not there. Of all who ask, each
    /// gets another number.
    fn revive(&self, id: SessionId) -> Stored<'_, Option<u32>>;

    /// Keeps what has changed in a record: its log level, its subscriptions, that the client is
    /// ready, and what the handler remembers. Nothing happens to a session that is not there.
    fn update(&self, record: Arc<SessionRecord>) -> Stored<'_, ()>;

    /// Ends a session. Answers whether it was there.
    fn remove(&self, id: SessionId) -> Stored<'_, bool>;

    /// Ends the sessions whose idle time is over. Answers with their ids.
    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>>;

    /// Where the events of its sessions are kept. `None` when they end with the process.
    fn events(&self) -> Option<Arc<dyn EventLog>> {
        None
    }
}
