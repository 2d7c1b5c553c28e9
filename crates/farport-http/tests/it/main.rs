//! The service without sockets, on a clock that passes as quickly as the tests like.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod house;
mod keep_alive;
mod lifetimes;
mod races;
mod slow_bodies;
