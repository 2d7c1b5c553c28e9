//! The events of session streams.

pub(crate) mod rows;
