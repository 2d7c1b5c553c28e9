//! What the portable crates need of the world.

use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time that is `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Time, tasks and randomness, given by the host.
///
/// Nothing below the hosts reads a clock, sleeps, spawns or draws random bytes by other means, so
/// that the same code runs on a virtual clock in tests and in a Worker.
pub trait Runtime: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// A future that is ready after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs `future` to its end, whoever waits for it.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Fills `buffer` with bytes that an attacker cannot guess.
    fn random(&self, buffer: &mut [u8]);
}
