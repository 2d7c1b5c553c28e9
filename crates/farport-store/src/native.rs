//! SQLite in a file, for programs on a machine.

mod database;
mod events;
mod files;
mod inspect;
mod key_file;
mod owner;
mod schema;
mod sessions;
mod sessions_cache;
mod sql;
mod system;
mod writer;

pub use database::Sqlite;
pub use sessions::SqliteSessions;
pub(crate) use sql::{
    Connection, Error, OptionalExtension, Result, Row, is_orphan, params, unreadable,
};
pub(crate) use writer::Durability;
pub use writer::FlushError;
