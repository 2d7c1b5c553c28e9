//! A request is only ever gone on with in its own turn.
//!
//! The platform ties what a request waits for to that request. Requests of one isolate may wait for
//! each other all the same: who needs a key set that somebody else is fetching is woken by them, and
//! would then go on in their place, which may end at any moment. So whoever wakes a request only
//! settles a promise of its own, and the platform goes on with it when it is its turn.

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

/// Tells a request that it can go on.
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
            // To settle a promise fails for nobody.
            let _ = settle.call0(&JsValue::NULL);
        }
    }
}

/// Awaits `future` in the turn of whoever calls this.
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
            // It is never rejected.
            let _ = JsFuture::from(turn).await;
        }
        bell.0.rung.set(false);
    }
}
