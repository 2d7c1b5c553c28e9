//! Runs each request in its own turn of the event loop.
//!
//! The platform ties a pending operation to the request that started it. But requests of one isolate can
//! wait for each other: a request that needs a key set may wait until another request has fetched it.
//! That request's wake-up would then run the waiting one in its own turn, which may end at any moment. So
//! a wake-up only settles a promise of the waiting request, and the platform then runs that request.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use worker::send::SendWrapper;

/// Wakes a request.
struct Bell(SendWrapper<Rope>);

#[derive(Default)]
struct Rope {
    rung: Cell<bool>,
    settle: RefCell<Option<Function>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.rung.set(true);
        if let Some(settle) = self.0.settle.take() {
            // Settling a promise does not fail.
            let _ = settle.call0(&JsValue::NULL);
        }
    }
}

/// Awaits `future` in turns of the calling request.
pub(crate) async fn in_own_turn<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let bell = Arc::new(Bell(SendWrapper::new(Rope::default())));
    let waker = Waker::from(bell.clone());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        if !bell.0.rung.get() {
            let turn = Promise::new(&mut |settle, _| {
                bell.0.settle.replace(Some(settle));
            });
            // No code rejects the promise.
            let _ = JsFuture::from(turn).await;
        }
        bell.0.rung.set(false);
    }
}
