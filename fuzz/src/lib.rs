//! What the targets of the authorization server have in common.

use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Random};
use futures_util::FutureExt;

/// Always the same bytes.
pub struct Same;

impl Random for Same {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Fails the run if the server sends a request.
pub struct NoFetch;

impl Fetcher for NoFetch {
    fn fetch(&self, _: Fetch) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, FetchError>> {
        panic!("unexpected request")
    }
}

/// Polls a future that must be ready at once.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}
