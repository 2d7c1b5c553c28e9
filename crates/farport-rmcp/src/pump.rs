//! Who runs the loops behind peers.
//!
//! rmcp gives a peer's loop to tokio as a task. On a machine there is a tokio runtime around
//! everything, and nothing to do here. In WebAssembly there is none, nor a thread that could drive
//! one; there, each peer has a runtime of its own, without a driver, which is run until it has
//! nothing more to do whenever something may have been said: after each step of a call, when the
//! client has answered, and after each step of what the host has wrapped in [`pumped`].
//!
//! A peer's runtime goes with the peer, and its loop with it, in mid-air: asked to end by itself, it
//! would first wait for a timer, and there is none.

use std::future::Future;

use farport_core::BoxFuture;

#[cfg(not(target_arch = "wasm32"))]
mod here {
    /// The runtime around everything.
    pub(crate) struct Loops;

    impl Loops {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn within<T>(&self, begin: impl FnOnce() -> T) -> T {
            begin()
        }
    }

    pub(crate) fn pump() {}
}

#[cfg(target_arch = "wasm32")]
mod here {
    use std::{
        cell::RefCell,
        sync::{
            Arc, Weak,
            atomic::{AtomicBool, Ordering},
        },
    };

    use tokio::{
        runtime::{Builder, Handle, Runtime},
        task::yield_now,
    };

    struct One {
        runtime: Runtime,
        /// Its peer has gone: its loop must not take another step.
        over: AtomicBool,
    }

    thread_local! {
        static ALL: RefCell<Vec<Weak<One>>> = const { RefCell::new(Vec::new()) };
        /// Runtimes whose peer went while another ran, where none can be dropped.
        static LATER: RefCell<Vec<Arc<One>>> = const { RefCell::new(Vec::new()) };
    }

    fn is_within() -> bool {
        Handle::try_current().is_ok()
    }

    /// A runtime for the loop of one peer.
    pub(crate) struct Loops(Arc<One>);

    impl Loops {
        #[expect(
            clippy::expect_used,
            reason = "without a driver and a thread there is nothing that could fail"
        )]
        pub(crate) fn new() -> Self {
            let built = Builder::new_current_thread().build();
            let one = Arc::new(One {
                runtime: built.expect("a runtime without a driver"),
                over: AtomicBool::new(false),
            });
            ALL.with_borrow_mut(|all| all.push(Arc::downgrade(&one)));
            Self(one)
        }

        pub(crate) fn within<T>(&self, begin: impl FnOnce() -> T) -> T {
            let _entered = self.0.runtime.enter();
            begin()
        }
    }

    impl Drop for Loops {
        fn drop(&mut self) {
            self.0.over.store(true, Ordering::Relaxed);
            if is_within() {
                LATER.with_borrow_mut(|later| later.push(self.0.clone()));
            }
        }
    }

    /// How often a runtime is given its turn: each time it takes some dozens of steps.
    const TURNS: usize = 4;

    /// Runs all loops until they wait.
    pub(crate) fn pump() {
        // Within a loop it is pumped already.
        if is_within() {
            return;
        }
        let all: Vec<_> = ALL.with_borrow_mut(|all| {
            all.retain(|one| one.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        });
        for one in all {
            if one.over.load(Ordering::Relaxed) {
                continue;
            }
            one.runtime.block_on(async {
                for _ in 0..TURNS {
                    yield_now().await;
                }
            });
        }
        drop(LATER.take());
    }
}

pub(crate) use here::{Loops, pump};

/// `future`, with the loops behind peers run after each of its steps.
///
/// A host without a tokio runtime, such as a Worker, wraps in this whatever may speak with a peer
/// outside of a call: what it spawns for handlers. Elsewhere it is the future itself.
pub fn pumped<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    #[cfg(not(target_arch = "wasm32"))]
    return future;
    #[cfg(target_arch = "wasm32")]
    {
        let mut future = Box::pin(future);
        std::future::poll_fn(move |cx| {
            let polled = future.as_mut().poll(cx);
            pump();
            polled
        })
    }
}

/// The same, boxed.
pub(crate) fn boxed<T: 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    Box::pin(pumped(future))
}
