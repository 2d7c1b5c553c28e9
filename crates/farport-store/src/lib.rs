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

mod error;
mod events;
mod keys;
mod numbers;
mod oauth;
mod schema;
mod sessions;
mod shares;

// The two platforms have the same names: rusqlite does not build for WebAssembly without C.
cfg_if::cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        mod object;
        use object as platform;
        pub use object::{Engine, Value};
    } else {
        mod native;
        use native as platform;
        pub use native::FlushError;
    }
}

pub use error::{OpenError, SqliteError};
pub use keys::{KeyError, MasterKey, MasterKeys};
pub use oauth::SqliteOAuth;
pub use platform::{Sqlite, SqliteSessions};
