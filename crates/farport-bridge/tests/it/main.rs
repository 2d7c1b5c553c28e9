//! The bridge between a scripted client and scripted servers, some of them hostile.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows functions marked as tests, not those that tests call"
)]

mod device;
mod eras;
mod hostile;
mod keyring;
mod large;
mod opener;
mod private_key;
mod sessions;
mod sharing;
mod support;
