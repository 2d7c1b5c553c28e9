//! Sessions in a Durable Object, which usually has one.

use std::{sync::Arc, time::Duration};

use farport_core::{
    EventLog, InUse, SessionId, SessionLimits, SessionRecord, SessionStore, Share, Stored,
    Timestamp,
};

use super::{database::Sqlite, events::SqliteEvents};
use crate::{
    error::Failure,
    numbers::uint,
    platform::Connection,
    sessions::{rows, tasks},
};

/// A session store in a database.
#[derive(Debug)]
pub struct SqliteSessions {
    database: Sqlite,
    limits: SessionLimits,
    events: Arc<SqliteEvents>,
}

/// The stored time of last use may lag by this fraction of the idle timeout.
const PRECISION: u32 = 64;

impl SqliteSessions {
    /// Uses the sessions in `database`.
    pub fn new(database: &Sqlite, limits: SessionLimits) -> Self {
        Self {
            database: database.clone(),
            limits,
            events: Arc::new(SqliteEvents::new(database)),
        }
    }

    /// When the first session expires if it stays idle; `None` when there is no session.
    ///
    /// # Errors
    /// When the database fails.
    pub fn expires(&self) -> Result<Option<Timestamp>, farport_core::StoreError> {
        let first = self.database.read(first_seen)?;
        Ok(first.map(|seen| seen.after(self.limits.idle)))
    }

    fn find(&self, id: SessionId, now: Timestamp) -> Result<Option<Arc<SessionRecord>>, Failure> {
        let found = self
            .database
            .read(|connection| rows::find(connection, id))?;
        let Some((record, seen)) = found else {
            return Ok(None);
        };
        let unseen = now.since(seen);
        if unseen >= self.limits.idle {
            return Ok(None);
        }
        if unseen > self.precision() {
            self.database
                .write_now(|connection| rows::touch(connection, &[(id, now)]))?;
        }
        Ok(Some(Arc::new(record)))
    }

    fn precision(&self) -> Duration {
        self.limits.idle / PRECISION
    }
}

fn stored<'a, T>(result: Result<T, Failure>) -> Stored<'a, T> {
    Stored::Ready(Some(result.map_err(Into::into)))
}

impl SessionStore for SqliteSessions {
    fn insert(
        &self,
        record: Arc<SessionRecord>,
        now: Timestamp,
        in_use: InUse,
    ) -> Stored<'_, Vec<SessionId>> {
        let limits = self.limits;
        stored(self.database.write_now(|connection| {
            let ended = rows::make_room(connection, limits, &record.share, &*in_use)?;
            rows::insert(connection, &record, now)?;
            Ok(ended)
        }))
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        stored(self.find(id, now))
    }

    fn resume(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        stored(
            self.database
                .write_now(|connection| rows::resume(connection, id)),
        )
    }

    fn update(&self, record: Arc<SessionRecord>) -> Stored<'_, ()> {
        stored(
            self.database
                .write_now(|connection| rows::update(connection, &record)),
        )
    }

    fn remove(&self, id: SessionId) -> Stored<'_, bool> {
        stored(
            self.database
                .write_now(|connection| rows::remove(connection, id)),
        )
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let idle = self.limits.idle;
        stored(self.database.write_now(|connection| {
            let expired = rows::seen_before(connection, now, idle)?;
            let mut ended = Vec::new();
            for (id, _) in expired {
                if rows::remove(connection, id)? {
                    ended.push(id);
                }
            }
            Ok(ended)
        }))
    }

    fn bind_task(&self, id: &str, owner: &Share) -> Stored<'_, bool> {
        stored(
            self.database
                .write_now(|connection| tasks::bind(connection, id, owner)),
        )
    }

    fn task_owner(&self, id: &str) -> Stored<'_, Option<Share>> {
        stored(
            self.database
                .read(|connection| tasks::owner(connection, id)),
        )
    }

    fn events(&self) -> Option<Arc<dyn EventLog>> {
        Some(self.events.clone())
    }
}

/// The earliest time of last use of all sessions.
fn first_seen(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let seen: Option<i64> = connection
        .prepare_cached("SELECT min(seen) FROM sessions")?
        .query_row((), |row| row.get(0))?;
    Ok(seen.map(|seen| Timestamp(uint(seen))))
}
