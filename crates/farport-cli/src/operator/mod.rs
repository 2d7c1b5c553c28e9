//! What an operator does to the state of a server: API tokens, and what users have granted.

pub(crate) mod args;
pub(crate) mod error;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use farport::{Settings, Storage};
use farport_oauth::{Store, UnixTime};
use farport_store::{Sqlite, SqliteOAuth};

pub(crate) use error::Error;

/// Where `farport dev` keeps the state of the project in the working folder.
const OF_DEV: &str = ".farport/farport.db";

/// The state of the server that is meant: the one given, the one its settings name, or the one
/// that `farport dev` keeps.
pub(crate) fn open(given: Option<Storage>) -> Result<Arc<dyn Store>, Error> {
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
    let database = Sqlite::open(&path).map_err(|source| Error::Open { path, source })?;
    Ok(Arc::new(SqliteOAuth::new(&database)))
}

/// The present time.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}

/// A time, for people.
pub(crate) fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH + std::time::Duration::from_secs(time.0);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Runs something that waits for the database.
pub(crate) fn block_on<T>(
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, crate::error::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(crate::error::Error::Runtime)?;
    Ok(runtime.block_on(future)?)
}
