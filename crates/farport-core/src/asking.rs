//! Questions to a client of 2026-07-28: elicitation, sampling and roots (2026-07-28, "Multi Round-Trip
//! Requests").
//!
//! A server of this revision sends no requests. A call whose handler asks the client ends with an
//! `input_required` result, and the client sends its request again with the answers. Between the two,
//! the call is parked. The types here have no I/O:
//!
//! - [`Declared`]: the questions that a client accepts.
//! - [`Questions`]: the open questions of one call, and which answers close them.
//! - [`ParkedCalls`]: the calls that wait for their clients, and who may resume which.

mod declared;
mod parked;
mod questions;

#[cfg(test)]
mod stories;

pub use declared::Declared;
pub use parked::{Asker, ParkedCalls, ParkingLimits, ResumeError, Ticket};
pub use questions::{Answer, Questions};
