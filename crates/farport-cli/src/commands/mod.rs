//! A file for each command.

pub(crate) mod completions;
pub(crate) mod demo;
#[cfg(unix)]
pub(crate) mod dev;
#[cfg(unix)]
pub(crate) mod guarded;
pub(crate) mod new;
