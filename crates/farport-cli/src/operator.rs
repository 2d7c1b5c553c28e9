//! The commands for operators of a server: `farport tokens` and `farport grants`.

pub(crate) mod args;
pub(crate) mod error;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use farport::{Settings, Storage};
use farport_oauth::{Store, UnixTime};
use farport_store::{Sqlite, SqliteOAuth};

pub(crate) use error::Error;

use crate::terminal::{Plain, WARNING};

/// The database that `farport dev` creates for the project in the current folder.
const OF_DEV: &str = ".farport/farport.db";

/// What a command does with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads an existing database.
    Read,
    /// Changes an existing database.
    Change,
    /// Creates the database if it does not exist.
    Create,
}

/// Opens the server's database: `given`, else the one in the settings, else the one of `farport dev`.
pub(crate) fn open(given: Option<Storage>, mode: Mode) -> Result<Arc<dyn Store>, Error> {
    for unknown in farport::host::unknown_variables() {
        anstream::eprintln!("{WARNING}warning{WARNING:#}: {}", Plain(unknown));
    }
    let settings = || Settings::load(Path::new("farport.toml")).map_err(Error::Settings);
    let storage = match given {
        Some(given) => Some(given),
        None => settings()?.store,
    };
    let path = match storage {
        Some(Storage::Sqlite(path)) => path,
        None if Path::new(OF_DEV).exists() => OF_DEV.into(),
        Some(_) | None => return Err(Error::NoState),
    };
    let database = match mode {
        Mode::Read => Sqlite::open_read_only(&path),
        Mode::Change => Sqlite::open_existing(&path),
        Mode::Create => Sqlite::open(&path),
    };
    let database = database.map_err(|source| Error::Open { path, source })?;
    Ok(Arc::new(SqliteOAuth::new(&database)))
}

/// Returns the current time.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}

/// Formats a time for the user.
pub(crate) fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH + std::time::Duration::from_secs(time.0);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Runs a future that uses the database.
pub(crate) fn block_on<T>(
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, crate::error::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(crate::error::Error::Runtime)?;
    Ok(runtime.block_on(future)?)
}
