//! Runs the loops of peers.
//!
//! rmcp spawns a peer's loop as a tokio task. The native host has a tokio runtime, so this module
//! does nothing there. WebAssembly has no runtime, and no thread to drive one. There, each peer has
//! its own runtime without a driver. The runtime runs until it is idle whenever a message may have
//! arrived: after each step of a call, after a response from the client, and after each step of a
//! future that the host wraps in [`pumped`].
//!
//! Dropping a peer drops its runtime and its loop at once. The loop's graceful end would wait for a
//! timer, which WebAssembly does not have.

use std::future::Future;

use farport_core::BoxFuture;

// WebAssembly has no tokio runtime.
cfg_if::cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        mod stepped;
        use stepped as loops;
    } else {
        mod spawned;
        use spawned as loops;
    }
}

pub use loops::pumped;
pub(crate) use loops::{Loops, pump};

/// Like [`pumped`], with a boxed future.
pub(crate) fn boxed<T: 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    Box::pin(pumped(future))
}
