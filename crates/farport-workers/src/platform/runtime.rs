//! Time, tasks and randomness of a Worker.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use farport_core::{BoxFuture, Runtime, Timestamp};
use farport_oauth::Random;
use futures_util::task::AtomicWaker;
use worker::{Date, Delay, send::SendFuture};

/// Returns a future that is ready after `duration` and wakes the task that polled it last. The platform's
/// timer wakes the task that polled it first, but a call's work moves from the request to the body of its
/// response.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep {
        timer: Box::pin(Delay::from(duration)),
        relay: Arc::default(),
    }
}

pub(crate) struct Sleep {
    timer: Pin<Box<Delay>>,
    relay: Arc<Relay>,
}

#[derive(Default)]
struct Relay(AtomicWaker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.relay.0.register(cx.waker());
        let waker = Waker::from(self.relay.clone());
        self.timer.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// The runtime of a Worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerRuntime;

impl Runtime for WorkerRuntime {
    /// A Worker's clock only advances with events from outside.
    fn now(&self) -> Timestamp {
        Timestamp(Date::now().as_millis())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(SendFuture::new(sleep(duration)))
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        wasm_bindgen_futures::spawn_local(farport_rmcp::pumped(future));
    }

    /// # Panics
    /// When the platform has no randomness: a server without it would create ids that can be guessed.
    fn random(&self, buffer: &mut [u8]) {
        farport_server::SystemRandom.fill(buffer);
    }
}
