//! SQLite in a Durable Object, for WebAssembly.

mod database;
mod engine;
mod events;
mod schema;
mod sessions;

pub(crate) use database::Durability;
pub use database::Sqlite;
pub(crate) use engine::{
    Connection, Error, OptionalExtension, Result, Row, ToValue, is_orphan, params, unreadable,
};
pub use engine::{Engine, Value};
pub use sessions::SqliteSessions;
