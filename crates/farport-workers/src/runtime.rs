//! Time, tasks and randomness of a Worker.

use std::time::Duration;

use farport_core::{BoxFuture, Runtime, Timestamp};
use farport_oauth::Random;
use worker::{Date, Delay, send::SendFuture};

/// The runtime of a Worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerRuntime;

impl Runtime for WorkerRuntime {
    /// A Worker's clock stands still between one event from outside and the next.
    fn now(&self) -> Timestamp {
        Timestamp(Date::now().as_millis())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(SendFuture::new(Delay::from(duration)))
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        wasm_bindgen_futures::spawn_local(farport_rmcp::pumped(future));
    }

    /// # Panics
    /// When the host has no randomness: a server that goes on would give out ids that can be
    /// guessed.
    fn random(&self, buffer: &mut [u8]) {
        farport::SystemRandom.fill(buffer);
    }
}
