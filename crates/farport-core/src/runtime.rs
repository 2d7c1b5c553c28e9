//! The host environment: time, tasks and randomness.

use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the time `duration` later. Saturates.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Time, tasks and randomness, which the host provides.
///
/// The portable crates read no clock, sleep, spawn or draw random bytes by other means. So the same
/// code runs on a virtual clock in tests and in a Worker.
pub trait Runtime: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns a future that is ready after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Spawns a task that runs `future` to completion.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Fills `buffer` with bytes from a cryptographically secure generator.
    fn random(&self, buffer: &mut [u8]);
}
