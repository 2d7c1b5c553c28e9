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

/// Nobody may be asked for anything.
pub struct Unasked;

impl Fetcher for Unasked {
    fn fetch(&self, _: Fetch) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, FetchError>> {
        panic!("nobody is to be asked")
    }
}

/// What a future comes to that waits for nothing.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}
