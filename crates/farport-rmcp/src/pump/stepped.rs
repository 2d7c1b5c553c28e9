//! In WebAssembly: a runtime for each loop, which is run when a message may have arrived.

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

struct PeerRuntime {
    runtime: Runtime,
    /// Whether the peer was dropped, so that its loop must not take another step.
    dropped: AtomicBool,
}

thread_local! {
    static ALL: RefCell<Vec<Weak<PeerRuntime>>> = const { RefCell::new(Vec::new()) };
    /// Runtimes of peers that were dropped while another runtime ran, and cannot be dropped then.
    static LATER: RefCell<Vec<Arc<PeerRuntime>>> = const { RefCell::new(Vec::new()) };
}

fn is_within() -> bool {
    Handle::try_current().is_ok()
}

/// Creates a runtime for the loop of one peer.
pub(crate) struct Loops(Arc<PeerRuntime>);

impl Loops {
    #[expect(
        clippy::expect_used,
        reason = "without a driver and a thread there is nothing that could fail"
    )]
    pub(crate) fn new() -> Self {
        let built = Builder::new_current_thread().build();
        let one = Arc::new(PeerRuntime {
            runtime: built.expect("a runtime without a driver"),
            dropped: AtomicBool::new(false),
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
        self.0.dropped.store(true, Ordering::Relaxed);
        if is_within() {
            LATER.with_borrow_mut(|later| later.push(self.0.clone()));
        }
    }
}

/// The number of turns of each runtime. In each turn, it takes some dozens of steps.
const TURNS: usize = 4;

/// Runs all loops until they are idle.
pub(crate) fn pump() {
    // A loop that is running is pumped already.
    if is_within() {
        return;
    }
    let all: Vec<_> = ALL.with_borrow_mut(|all| {
        all.retain(|one| one.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    });
    for one in all {
        if one.dropped.load(Ordering::Relaxed) {
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

/// Runs the loops of peers after each step of `future`.
///
/// A host without a tokio runtime, such as a Worker, wraps every future that may use a peer outside
/// a call, such as tasks it spawns for handlers. On other hosts this returns the future itself.
pub fn pumped<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| {
        let polled = future.as_mut().poll(cx);
        pump();
        polled
    })
}
