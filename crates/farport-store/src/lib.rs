//! Persistent state in SQLite.
//!
//! [`Sqlite::open`] opens or creates a database file, and [`Sqlite::open_read_only`] opens an existing
//! one. The database contains
//!
//! - [`SqliteSessions`]: the sessions of MCP clients and the events of their streams
//!   ([`farport_core::SessionStore`], [`farport_core::EventLog`]);
//! - [`SqliteOAuth`]: the state of an authorization server ([`farport_oauth::Store`]).
//!
//! The [`MasterKeys`] file is next to it.
//!
//! One thread writes, and commits all pending writes together. OAuth writes are on disk before they
//! are acknowledged. Sessions and events survive the end of the process; a power failure can lose the
//! latest of them.
//!
//! In WebAssembly there is no file and no thread. There, `Sqlite::over` uses the SQLite of the host (a
//! Cloudflare Durable Object), and everything else is the same.
//!
//! `docs/storage.md` describes the layout, which parts are secret, and how to back it up.

#[cfg(not(target_arch = "wasm32"))]
mod database;
#[cfg(target_arch = "wasm32")]
#[path = "object.rs"]
mod database;
mod error;
mod events;
#[cfg(not(target_arch = "wasm32"))]
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod inspect;
mod keys;
mod numbers;
mod oauth;
#[cfg(not(target_arch = "wasm32"))]
mod owner;
mod schema;
mod sessions;
mod shares;
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
