//! Time, tasks and randomness from tokio and the system.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farport_core::{BoxFuture, Runtime, Timestamp};

/// The native runtime. Use it within a tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }

    /// # Panics
    /// When the system has no randomness: a server without it would create ids that can be guessed.
    #[expect(clippy::expect_used, reason = "no safe way to continue exists")]
    fn random(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system has no randomness");
    }
}
