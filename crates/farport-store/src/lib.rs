//! State that survives the process, in SQLite.
//!
//! [`Sqlite::open`] opens a file. In it are
//!
//! - [`SqliteSessions`]: the sessions of MCP clients, and what was said on their streams
//!   ([`farport_core::SessionStore`], [`farport_core::EventLog`]);
//! - [`SqliteOAuth`]: what an authorization server has to remember ([`farport_oauth::Store`]).
//!
//! Beside it is the [`MasterKeys`] file.
//!
//! What is written goes through one thread, which commits whatever has come in together. What
//! OAuth acknowledges is on the disk by then, as far as the disk tells; sessions and events
//! withstand the end of the process, and a loss of power may cost the last of them.
//!
//! In WebAssembly there is no file and no thread, but a host that has a SQLite of its own
//! (Cloudflare's Durable Objects): `Sqlite::over` takes that, and everything else is the same.
//!
//! The layout, what of it is secret, and how to back it up are described in `docs/storage.md`.

#[cfg(not(target_arch = "wasm32"))]
mod database;
#[cfg(target_arch = "wasm32")]
#[path = "object.rs"]
mod database;
mod error;
mod events;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod keys;
mod numbers;
mod oauth;
#[cfg(not(target_arch = "wasm32"))]
mod owner;
mod schema;
mod sessions;
mod sql;
#[cfg(not(target_arch = "wasm32"))]
mod writer;

pub use database::Sqlite;
#[cfg(not(target_arch = "wasm32"))]
pub use error::FlushError;
pub use error::OpenError;
pub use keys::{KeyError, MasterKey, MasterKeys};
pub use oauth::SqliteOAuth;
pub use sessions::SqliteSessions;
#[cfg(target_arch = "wasm32")]
pub use sql::{Engine, Value};
