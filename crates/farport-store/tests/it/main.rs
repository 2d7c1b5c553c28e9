//! Tests of the stores.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "test helpers panic to fail the test"
)]

mod files;
mod keys;
mod oauth;
mod sessions;
