//! Sessions in a database file.
//!
//! After the first request, a session record stays in memory, so further requests of the session do
//! not read the database. The time of last use is written periodically, and whenever a decision
//! depends on it.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use farport_core::{
    EventLog, InUse, SessionId, SessionLimits, SessionRecord, SessionStore, Share, Stored,
    Timestamp,
};

use super::{
    database::Sqlite,
    events::SqliteEvents,
    sessions_cache::{Cache, Lookup},
    writer::{Durability, Job},
};
use crate::{
    error::Failure,
    numbers::uint,
    platform::{Connection, OptionalExtension},
    sessions::{rows, tasks},
};

/// A session store in a database.
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

/// The stored time of last use may lag by this fraction of the idle timeout. A killed process loses
/// no more than that.
const PRECISION: u32 = 64;

impl SqliteSessions {
    /// Uses the sessions in `database`. A process creates one such store.
    pub fn new(database: &Sqlite, limits: SessionLimits) -> Self {
        Self {
            events: Arc::new(SqliteEvents::new(database)),
            database: database.clone(),
            limits,
            cache: Arc::default(),
        }
    }

    fn precision(&self) -> Duration {
        self.limits.idle / PRECISION
    }

    /// Writes the times of last use, without waiting.
    fn save_uses(&self) {
        let cache = self.cache.clone();
        let job = Job::new(
            Durability::Process,
            move |connection| rows::touch(connection, &lock(&cache).take_unsaved()),
            |written| {
                if let Err(failure) = written {
                    tracing::error!(%failure, "cannot store when sessions were last used");
                }
            },
        );
        if let Err(failure) = self.database.submit(job) {
            tracing::error!(%failure, "cannot store when sessions were last used");
        }
    }

    /// Loads a record into memory, unless the session has ended in the meantime.
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
    fn insert(
        &self,
        record: Arc<SessionRecord>,
        now: Timestamp,
        in_use: InUse,
    ) -> Stored<'_, Vec<SessionId>> {
        let (uses, cache) = (self.cache.clone(), self.cache.clone());
        let (limits, row) = (self.limits, record.clone());
        let write = move |connection: &rusqlite::Connection| {
            let mut ended = Vec::new();
            if rows::is_full(connection, limits, &row.share)? {
                rows::touch(connection, &lock(&uses).take_unsaved())?;
                ended = rows::make_room(connection, limits, &row.share, &*in_use)?;
            }
            rows::insert(connection, &row, now)?;
            Ok(ended)
        };
        let keep = move |ended: &mut Vec<SessionId>| {
            let mut cache = lock(&cache);
            cache.remove(ended);
            cache.load(record, now);
        };
        let stored = self.database.write_then(Durability::Process, write, keep);
        Stored::Later(Box::pin(async move { Ok(stored.await?) }))
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        let (found, stale) = lock(&self.cache).get(id, now, self.limits.idle, self.precision());
        if stale {
            self.save_uses();
        }
        if let Lookup::Hit(record) = found {
            return Stored::ready(Some(record));
        }
        // Most sessions that are not in memory do not exist. A read finds that out without the writer.
        let seen = self.database.read(|connection| seen(connection, id));
        match seen {
            Ok(Some(seen)) if now.since(seen) < self.limits.idle => {
                Stored::Later(Box::pin(async move { Ok(self.load(id, now).await?) }))
            }
            Ok(_) => Stored::ready(None),
            Err(failure) => Stored::Ready(Some(Err(failure.into()))),
        }
    }

    fn resume(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        let resumed = self.database.write(Durability::Process, move |connection| {
            rows::resume(connection, id)
        });
        Stored::Later(Box::pin(async move { Ok(resumed.await?) }))
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
            move |_| lock(&cache).remove(&[id]),
        );
        Stored::Later(Box::pin(async move { Ok(removed.await?) }))
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let (uses, cache) = (self.cache.clone(), self.cache.clone());
        let (idle, precision) = (self.limits.idle, self.precision());
        let write = move |connection: &rusqlite::Connection| {
            let mut cache = lock(&uses);
            rows::touch(connection, &cache.take_unsaved())?;
            let mut ended = Vec::new();
            for (id, seen) in rows::seen_before(connection, now, idle)? {
                // Another process may have used a session that is not in memory here, and not have
                // written that yet.
                let slack = if cache.contains(id) {
                    Duration::ZERO
                } else {
                    precision
                };
                if now.since(seen) >= idle + slack && rows::remove(connection, id)? {
                    ended.push(id);
                }
            }
            // Sessions that other processes have ended.
            if cache.others_wrote(data_version(connection)?) {
                let existing = all(connection)?;
                ended.extend(cache.ids().filter(|id| !existing.contains(id)));
                ended.sort_unstable();
                ended.dedup();
            }
            Ok(ended)
        };
        let keep = move |ended: &mut Vec<SessionId>| lock(&cache).remove(ended);
        let expired = self.database.write_then(Durability::Process, write, keep);
        Stored::Later(Box::pin(async move { Ok(expired.await?) }))
    }

    fn bind_task(&self, id: &str, owner: &Share) -> Stored<'_, bool> {
        let (id, owner) = (id.to_owned(), owner.clone());
        let bound = self.database.write(Durability::Process, move |connection| {
            tasks::bind(connection, &id, &owner)
        });
        Stored::Later(Box::pin(async move { Ok(bound.await?) }))
    }

    fn task_owner(&self, id: &str) -> Stored<'_, Option<Share>> {
        let owner = self
            .database
            .read(|connection| tasks::owner(connection, id));
        Stored::Ready(Some(owner.map_err(Into::into)))
    }

    fn events(&self) -> Option<Arc<dyn EventLog>> {
        Some(self.events.clone())
    }
}

impl Drop for SqliteSessions {
    fn drop(&mut self) {
        self.save_uses();
    }
}

fn lock(cache: &Shared) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stored time of last use of a session.
fn seen(connection: &Connection, id: SessionId) -> Result<Option<Timestamp>, Failure> {
    let seen = connection
        .prepare_cached("SELECT seen FROM sessions WHERE id = ?1")?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(seen.map(|seen| Timestamp(uint(seen))))
}

fn all(connection: &Connection) -> Result<HashSet<SessionId>, Failure> {
    let mut select = connection.prepare_cached("SELECT id FROM sessions")?;
    let ids = select.query_map((), rows::id_of)?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// A number that changes when another connection writes.
fn data_version(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}
