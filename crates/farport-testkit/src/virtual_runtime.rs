//! A runtime on tokio's clock, which a test can pause.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use farport_core::{BoxFuture, Runtime, Timestamp};
use tokio::time::Instant;

/// Time by tokio's clock, and randomness by counting.
///
/// Under `#[tokio::test(start_paused = true)]` time passes only while everybody waits, and then at
/// once: hours take no time, and nothing depends on how busy the machine is.
#[derive(Debug)]
pub struct VirtualRuntime {
    began: Instant,
    drawn: AtomicU64,
}

impl VirtualRuntime {
    /// Where the clock starts, so that nothing mistakes a time for a duration.
    const START: Timestamp = Timestamp(1_000_000_000_000);

    /// A runtime whose time starts now. It has to be made and used within a tokio runtime.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            drawn: AtomicU64::new(0),
        }
    }
}

impl Default for VirtualRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Timestamp {
        Self::START.after(self.began.elapsed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }

    /// Never the same twice, and the same in every run.
    fn random(&self, buffer: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = number.to_be_bytes().into_iter().rev().cycle();
        buffer
            .iter_mut()
            .zip(bytes)
            .for_each(|(place, byte)| *place = byte);
    }
}
