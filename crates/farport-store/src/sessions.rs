//! The session store.

#[cfg(not(target_arch = "wasm32"))]
mod cache;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod object;
mod rows;
mod tasks;

#[cfg(not(target_arch = "wasm32"))]
pub use native::SqliteSessions;
#[cfg(target_arch = "wasm32")]
pub use object::SqliteSessions;
