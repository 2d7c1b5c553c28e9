//! What a server keeps, opened.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use farport_core::{MemorySessions, Runtime, SessionLimits, SessionStore};
use farport_oauth::{Keys, MemoryStore, Random, Store, UnixTime};
use farport_store::{MasterKeys, Sqlite, SqliteOAuth, SqliteSessions};

use crate::{
    Error, Storage, SystemRandom, TokioRuntime, fetcher::WebFetcher, host::OAuth, settings,
};

/// How often what has expired of OAuth's records is let go.
const PURGE_EVERY: Duration = Duration::from_secs(5 * 60);

/// What is kept, opened.
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
        Ok(match storage {
            Storage::Memory => Self {
                sessions: Arc::new(MemorySessions::new(limits)),
                oauth: Arc::new(MemoryStore::default()),
                database: None,
            },
            Storage::Sqlite(path) => {
                let database = Sqlite::open(path).map_err(|source| Error::Store {
                    path: path.clone(),
                    source,
                })?;
                Self {
                    sessions: Arc::new(SqliteSessions::new(&database, limits)),
                    oauth: Arc::new(SqliteOAuth::new(&database)),
                    database: Some(database),
                }
            }
        })
    }

    /// The master keys: those in the environment, or else those in the file beside the database,
    /// which is made if it is missing. For what is in memory, a key that ends with it.
    pub(crate) fn keys(&self, random: &dyn Random) -> Result<Keys, Error> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let current = variable(settings::MASTER_KEY);
        let keys = match &self.database {
            _ if !current.is_empty() => {
                let names = [settings::MASTER_KEY, settings::PREVIOUS_MASTER_KEYS];
                MasterKeys::parse(&current, &variable(names[1]), names)?
            }
            Some(database) => MasterKeys::of_file(&key_file(database.path()))?,
            None => return Ok(Keys::ephemeral(random)),
        };
        Ok(keys.keys())
    }

    /// What an authorization server needs, out of what the server keeps.
    pub(crate) fn oauth_state(&self) -> Result<OAuth, Error> {
        Ok(OAuth {
            store: self.oauth.clone(),
            keys: self.keys(&SystemRandom)?,
            random: Arc::new(SystemRandom),
            fetcher: Arc::new(WebFetcher::default()),
        })
    }

    /// Lets go what has expired of OAuth's records, now and from time to time. Goes on for ever.
    pub(crate) async fn purge(self) {
        loop {
            let now = UnixTime(TokioRuntime.now().0 / 1000);
            match self.oauth.purge(now).await {
                Ok(0) => {}
                Ok(gone) => tracing::debug!(gone, "let go what has expired"),
                Err(error) => tracing::error!(%error, "cannot let go what has expired"),
            }
            tokio::time::sleep(PURGE_EVERY).await;
        }
    }

    /// Ready once all that was to be kept is kept.
    pub(crate) async fn flush(&self) {
        if let Some(database) = &self.database
            && let Err(error) = database.flush().await
        {
            tracing::error!(%error, "something was lost");
        }
    }
}

/// Where the master key is, beside the database.
fn key_file(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    path.into()
}
