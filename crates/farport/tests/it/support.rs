//! Helpers of the tests: raw HTTP, a client with a session, servers, and a handler whose steps a
//! test can observe and delay.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod era;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod server;
pub(crate) mod shop;
pub(crate) mod vault;
pub(crate) mod workshop;

use std::{future::Future, time::Duration};

/// The timeout of a test. It is long for slow machines; a passing test does not wait for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `what`, and panics after a timeout.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it did not come")
}
