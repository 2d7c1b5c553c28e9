//! Sessions.
//!
//! A record that was asked for once is answered from memory from then on: a request within a
//! session costs the database nothing. When it was last looked at is written down now and then,
//! and whenever that decides something.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use farport_core::{
    EventLog, SessionId, SessionLimits, SessionRecord, SessionStore, Stored, Timestamp,
};

use super::{
    cache::{Cache, Found},
    rows,
};
use crate::{
    Sqlite,
    error::Failure,
    events::SqliteEvents,
    writer::{Durability, Job},
};

/// Keeps sessions in a database.
pub struct SqliteSessions {
    database: Sqlite,
    limits: SessionLimits,
    cache: Shared,
    events: Arc<SqliteEvents>,
}

type Shared = Arc<Mutex<Cache>>;

impl fmt::Debug for SqliteSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSessions")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// When a session was last looked at is written down when what is written is this part of the idle
/// time old. A process that is killed loses no more of it.
const PART: u32 = 64;

impl SqliteSessions {
    /// The sessions in `database`. One process should make this once.
    pub fn new(database: &Sqlite, limits: SessionLimits) -> Self {
        Self {
            events: Arc::new(SqliteEvents::new(database)),
            database: database.clone(),
            limits,
            cache: Arc::default(),
        }
    }

    fn grain(&self) -> Duration {
        self.limits.idle / PART
    }

    /// Writes down when sessions were last looked at. Nobody waits for it.
    fn flush(&self) {
        let cache = self.cache.clone();
        let job = Job::new(
            Durability::Process,
            move |connection| rows::touch(connection, &lock(&cache).take_looks()),
            |written| {
                if let Err(failure) = written {
                    tracing::error!(%failure, "cannot write down when sessions were used");
                }
            },
        );
        if let Err(failure) = self.database.submit(job) {
            tracing::error!(%failure, "cannot write down when sessions were used");
        }
    }

    /// Brings a record into memory, unless it has ended meanwhile.
    async fn load(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Arc<SessionRecord>>, Failure> {
        let (cache, idle) = (self.cache.clone(), self.limits.idle);
        let write = move |connection: &rusqlite::Connection| {
            let Some((record, seen)) = rows::find(connection, id)? else {
                return Ok(None);
            };
            if now.since(seen) >= idle {
                return Ok(None);
            }
            rows::touch(connection, &[(id, now)])?;
            Ok(Some(Arc::new(record)))
        };
        let keep = move |found: &mut Option<Arc<SessionRecord>>| {
            if let Some(record) = found {
                *record = lock(&cache).load(record.clone(), now);
            }
        };
        self.database
            .write_then(Durability::Process, write, keep)
            .await
    }
}

impl SessionStore for SqliteSessions {
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let (looks, cache) = (self.cache.clone(), self.cache.clone());
        let (most, row) = (self.limits.most.max(1), record.clone());
        let write = move |connection: &rusqlite::Connection| {
            let many = rows::count(connection)?;
            let mut gone = Vec::new();
            if many >= most {
                rows::touch(connection, &lock(&looks).take_looks())?;
                gone = rows::make_room(connection, many + 1 - most)?;
            }
            rows::insert(connection, &row, now)?;
            Ok(gone)
        };
        let keep = move |gone: &mut Vec<SessionId>| {
            let mut cache = lock(&cache);
            cache.forget(gone);
            cache.load(record, now);
        };
        let stored = self.database.write_then(Durability::Process, write, keep);
        Stored::Later(Box::pin(async move { Ok(stored.await?) }))
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        let (found, stale) = lock(&self.cache).look(id, now, self.limits.idle, self.grain());
        if stale {
            self.flush();
        }
        if let Found::Here(record) = found {
            return Stored::ready(Some(record));
        }
        // Most that are not here are nowhere; those cost the writer nothing.
        let seen = self.database.read(|connection| rows::seen(connection, id));
        match seen {
            Ok(Some(seen)) if now.since(seen) < self.limits.idle => {
                Stored::Later(Box::pin(async move { Ok(self.load(id, now).await?) }))
            }
            Ok(_) => Stored::ready(None),
            Err(failure) => Stored::Ready(Some(Err(failure.into()))),
        }
    }

    fn revive(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        let revived = self.database.write(Durability::Process, move |connection| {
            rows::revive(connection, id)
        });
        Stored::Later(Box::pin(async move { Ok(revived.await?) }))
    }

    fn update(&self, record: Arc<SessionRecord>) -> Stored<'_, ()> {
        let updated = self.database.write(Durability::Process, move |connection| {
            rows::update(connection, &record)
        });
        Stored::Later(Box::pin(async move { Ok(updated.await?) }))
    }

    fn remove(&self, id: SessionId) -> Stored<'_, bool> {
        let cache = self.cache.clone();
        let removed = self.database.write_then(
            Durability::Process,
            move |connection| rows::remove(connection, id),
            move |_| lock(&cache).forget(&[id]),
        );
        Stored::Later(Box::pin(async move { Ok(removed.await?) }))
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let (looks, cache) = (self.cache.clone(), self.cache.clone());
        let (idle, grain) = (self.limits.idle, self.grain());
        let write = move |connection: &rusqlite::Connection| {
            let mut cache = lock(&looks);
            rows::touch(connection, &cache.take_looks())?;
            let mut gone = Vec::new();
            for (id, seen) in rows::seen_before(connection, now, idle)? {
                // Another process may have looked at one that is not here since it wrote so.
                let slack = if cache.has(id) { Duration::ZERO } else { grain };
                if now.since(seen) >= idle + slack && rows::remove(connection, id)? {
                    gone.push(id);
                }
            }
            // What other processes have ended is over here, too.
            if cache.others_wrote(rows::data_version(connection)?) {
                let there = rows::all(connection)?;
                gone.extend(cache.ids().filter(|id| !there.contains(id)));
                gone.sort_unstable();
                gone.dedup();
            }
            Ok(gone)
        };
        let keep = move |gone: &mut Vec<SessionId>| lock(&cache).forget(gone);
        let expired = self.database.write_then(Durability::Process, write, keep);
        Stored::Later(Box::pin(async move { Ok(expired.await?) }))
    }

    fn events(&self) -> Option<Arc<dyn EventLog>> {
        Some(self.events.clone())
    }
}

impl Drop for SqliteSessions {
    fn drop(&mut self) {
        self.flush();
    }
}

fn lock(cache: &Shared) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
