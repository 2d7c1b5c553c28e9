//! The open state of a server: sessions and OAuth records.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use farport_core::{MemorySessions, Runtime, SessionLimits, SessionStore};
use farport_oauth::{Keys, MemoryStore, Random, Store, UnixTime};
use farport_store::{MasterKeys, Sqlite, SqliteOAuth, SqliteSessions};

use farport_server::{
    Error, HostError, MASTER_KEY, OAuth, PREVIOUS_MASTER_KEYS, Storage, SystemRandom,
};

use super::{fetcher::WebFetcher, runtime::TokioRuntime};

/// How often expired OAuth records are removed.
const PURGE_EVERY: Duration = Duration::from_secs(5 * 60);

/// The open stores of a server.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) oauth: Arc<dyn Store>,
    database: Option<Sqlite>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Opens `storage`.
    pub(crate) fn open(storage: &Storage, limits: SessionLimits) -> Result<Self, Error> {
        Ok(match storage.path() {
            None => Self {
                sessions: Arc::new(MemorySessions::new(limits)),
                oauth: Arc::new(MemoryStore::default()),
                database: None,
            },
            Some(path) => {
                let database = Sqlite::open(path).map_err(|source| HostError::Store {
                    path: path.to_owned(),
                    source: source.into(),
                })?;
                Self {
                    sessions: Arc::new(SqliteSessions::new(&database, limits)),
                    oauth: Arc::new(SqliteOAuth::new(&database)),
                    database: Some(database),
                }
            }
        })
    }

    /// Returns the master keys: those in the environment, or those in the file beside the database,
    /// which is created if it is missing. A store in memory gets a new key for this process.
    pub(crate) fn keys(&self, random: &dyn Random) -> Result<Keys, Error> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let current = variable(MASTER_KEY);
        let keys = match &self.database {
            _ if !current.is_empty() => {
                let names = [MASTER_KEY, PREVIOUS_MASTER_KEYS];
                MasterKeys::parse(&current, &variable(names[1]), names)
            }
            Some(database) => MasterKeys::from_file(&key_file(database.path())),
            None => return Ok(Keys::ephemeral(random)),
        };
        Ok(keys.map_err(HostError::master_key)?.keys())
    }

    /// Returns what an authorization server requires. It sends requests to other servers through
    /// `proxy`, if there is one.
    pub(crate) fn oauth_state(&self, proxy: Option<&str>) -> Result<OAuth, Error> {
        Ok(OAuth {
            store: self.oauth.clone(),
            keys: self.keys(&SystemRandom)?,
            random: Arc::new(SystemRandom),
            fetcher: Arc::new(WebFetcher::through(proxy)?),
        })
    }

    /// Removes expired OAuth records, now and every [`PURGE_EVERY`]. It never ends.
    pub(crate) async fn purge(self) {
        loop {
            let now = UnixTime(TokioRuntime.now().0 / 1000);
            match self.oauth.purge(now).await {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(removed, "removed expired OAuth records"),
                Err(error) => tracing::error!(%error, "cannot remove expired OAuth records"),
            }
            tokio::time::sleep(PURGE_EVERY).await;
        }
    }

    /// Waits until the database has written everything.
    pub(crate) async fn flush(&self) {
        if let Some(database) = &self.database
            && let Err(error) = database.flush().await
        {
            tracing::error!(%error, "cannot write the last changes to the database");
        }
    }
}

/// Returns the path of the file with the master key, beside the database.
fn key_file(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    path.into()
}
