//! Calls of 2026-07-28 whose handlers ask the client.
//!
//! The rules are in [`farport_core::asking`]. This module carries them out: [`AskingOutbox`] receives
//! the handler's questions, and [`Parking`] keeps the suspended call between two requests of its client.

mod outbox;
mod parking;

pub(crate) use outbox::{AskingOutbox, Leg};
pub(crate) use parking::{AskingCall, Parking};
