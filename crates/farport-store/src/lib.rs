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
//! The layout, what of it is secret, and how to back it up are described in `docs/storage.md`.

mod database;
mod error;
mod events;
mod files;
mod keys;
mod numbers;
mod oauth;
mod owner;
mod schema;
mod sessions;
mod writer;

pub use database::Sqlite;
pub use error::{FlushError, OpenError};
pub use keys::{KeyError, MasterKey, MasterKeys};
pub use oauth::SqliteOAuth;
pub use sessions::SqliteSessions;
