//! Tests of the service without sockets, on a virtual clock.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "test helpers may panic"
)]

mod authorization;
mod fixture;
mod initialized;
mod keep_alive;
mod lifetimes;
mod quiet;
mod races;
mod shares;
mod slow_bodies;
mod tower;
