//! Sessions in an object of the host's, usually one.

use std::{sync::Arc, time::Duration};

use farport_core::{
    EventLog, SessionId, SessionLimits, SessionRecord, SessionStore, Stored, Timestamp,
};

use super::rows;
use crate::{Sqlite, error::Failure, events::SqliteEvents};

/// Keeps sessions in a database.
#[derive(Debug)]
pub struct SqliteSessions {
    database: Sqlite,
    limits: SessionLimits,
    events: Arc<SqliteEvents>,
}

/// When a session was last looked at is written down when what is written is this part of the idle
/// time old.
const PART: u32 = 64;

impl SqliteSessions {
    /// The sessions in `database`.
    pub fn new(database: &Sqlite, limits: SessionLimits) -> Self {
        Self {
            database: database.clone(),
            limits,
            events: Arc::new(SqliteEvents::new(database)),
        }
    }

    /// When the first of its sessions will have been idle for too long; `None` when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn expires(&self) -> Result<Option<Timestamp>, farport_core::StoreError> {
        let first = self.database.read(rows::first_seen)?;
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
        if unseen > self.grain() {
            self.database
                .write_now(|connection| rows::touch(connection, &[(id, now)]))?;
        }
        Ok(Some(Arc::new(record)))
    }

    fn grain(&self) -> Duration {
        self.limits.idle / PART
    }
}

fn stored<'a, T>(answer: Result<T, Failure>) -> Stored<'a, T> {
    Stored::Ready(Some(answer.map_err(Into::into)))
}

impl SessionStore for SqliteSessions {
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let most = self.limits.most.max(1);
        stored(self.database.write_now(|connection| {
            let many = rows::count(connection)?;
            let gone = match many >= most {
                true => rows::make_room(connection, many + 1 - most)?,
                false => Vec::new(),
            };
            rows::insert(connection, &record, now)?;
            Ok(gone)
        }))
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        stored(self.find(id, now))
    }

    fn revive(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        stored(
            self.database
                .write_now(|connection| rows::revive(connection, id)),
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
            let over = rows::seen_before(connection, now, idle)?;
            let mut gone = Vec::new();
            for (id, _) in over {
                if rows::remove(connection, id)? {
                    gone.push(id);
                }
            }
            Ok(gone)
        }))
    }

    fn events(&self) -> Option<Arc<dyn EventLog>> {
        Some(self.events.clone())
    }
}
