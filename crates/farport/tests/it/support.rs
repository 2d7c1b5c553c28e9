//! What the tests stand on: raw HTTP, a client with a session, servers, and a handler whose every
//! step a test can see and hold up.

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

/// How long a test waits for what has to come. Long, for slow machines: nothing that passes waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `what`, within reason.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it did not come")
}
