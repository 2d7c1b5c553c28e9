//! The layout of the database, and its migrations.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod object;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{APPLICATION, prepare, recognize};
#[cfg(target_arch = "wasm32")]
pub(crate) use object::prepare;

/// The migrations. Each one raises the layout by one version, and does not change once it is released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// The newest version that this program supports.
pub(crate) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}
