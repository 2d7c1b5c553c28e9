//! On a host with a tokio runtime, which runs the loops itself.

/// The host's runtime.
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

/// Runs the loops of peers after each step of `future`.
///
/// A host without a tokio runtime, such as a Worker, wraps every future that may use a peer outside
/// a call, such as tasks it spawns for handlers. On other hosts this returns the future itself.
pub fn pumped<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    future
}
