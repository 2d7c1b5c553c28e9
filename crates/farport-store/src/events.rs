//! The events of session streams.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod object;
mod rows;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::SqliteEvents;
#[cfg(target_arch = "wasm32")]
pub(crate) use object::SqliteEvents;
