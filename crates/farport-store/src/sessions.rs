//! The records of sessions.

pub(crate) mod rows;
pub(crate) mod tasks;
