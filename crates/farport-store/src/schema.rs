//! The layout of the database, and its versions.

#[cfg(not(target_arch = "wasm32"))]
mod machine;
#[cfg(target_arch = "wasm32")]
mod object;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use machine::{prepare, recognize};
#[cfg(target_arch = "wasm32")]
pub(crate) use object::prepare;

/// Each takes the layout one version further. What was released is not changed any more.
const STEPS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// The newest version this program knows.
fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}
