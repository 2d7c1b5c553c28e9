//! The stores, by the rules that each has to keep.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod files;
mod keys;
mod oauth;
mod sessions;
