//! Sessions.

#[cfg(not(target_arch = "wasm32"))]
mod cache;
#[cfg(not(target_arch = "wasm32"))]
mod machine;
#[cfg(target_arch = "wasm32")]
mod object;
mod rows;

#[cfg(not(target_arch = "wasm32"))]
pub use machine::SqliteSessions;
#[cfg(target_arch = "wasm32")]
pub use object::SqliteSessions;
