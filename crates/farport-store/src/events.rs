//! What is said on the streams of sessions.

#[cfg(not(target_arch = "wasm32"))]
mod machine;
#[cfg(target_arch = "wasm32")]
mod object;
mod rows;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use machine::SqliteEvents;
#[cfg(target_arch = "wasm32")]
pub(crate) use object::SqliteEvents;
