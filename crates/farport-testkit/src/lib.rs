//! What farport's own tests are made of. Not published.
//!
//! [`fixture`] is a server that has every feature of the protocol which the official
//! conformance suite knows how to ask for. `CONFORMANCE.md` beside this crate's manifest says
//! how the suite is run against it.

#[cfg(feature = "fixture")]
pub mod fixture;
