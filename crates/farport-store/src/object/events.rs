//! The events of session streams, in a Durable Object.

use std::{sync::Arc, time::Duration};

use farport_core::{EventLog, EventStream, SessionId, Stored, StoredStream, Timestamp};

use super::database::Sqlite;
use crate::{error::Failure, events::rows, numbers::int};

/// An event log in a database.
#[derive(Debug)]
pub(crate) struct SqliteEvents {
    database: Sqlite,
}

impl SqliteEvents {
    pub(crate) fn new(database: &Sqlite) -> Self {
        Self {
            database: database.clone(),
        }
    }

    /// Ends the streams of earlier instances of the object.
    fn end_abandoned(&self) -> Result<(), Failure> {
        let owners = self.database.read(rows::owners)?;
        let dead: Vec<_> = owners
            .into_iter()
            .filter(|owner| owner != self.database.owner())
            .collect();
        if dead.is_empty() {
            return Ok(());
        }
        self.database.write_now(|connection| {
            for owner in &dead {
                for (session, number) in rows::unfinished(connection, owner)? {
                    rows::end(connection, session, number)?;
                }
            }
            Ok(())
        })
    }

    fn find(
        &self,
        session: SessionId,
        number: u64,
        after: u64,
    ) -> Result<Option<StoredStream>, Failure> {
        let find = || {
            self.database
                .read(|connection| rows::find(connection, session, number, after))
        };
        let Some(row) = find()? else { return Ok(None) };
        match row.owner {
            Some(owner) if owner != self.database.owner() => {
                self.end_abandoned()?;
                Ok(find()?.map(|row| row.stream))
            }
            _ => Ok(Some(row.stream)),
        }
    }
}

impl EventLog for SqliteEvents {
    fn changed(&self, stream: Arc<EventStream>) {
        let Some(unstored) = stream.take_unstored() else {
            return;
        };
        let owner = self.database.owner();
        let stored = self
            .database
            .write_now(|connection| rows::store(connection, owner, &unstored));
        if let Err(failure) = stored {
            report(&failure);
        }
        // The reader receives the events even if they cannot be stored.
        stream.mark_stored(&unstored);
    }

    fn read(
        &self,
        session: SessionId,
        number: u64,
        after: u64,
    ) -> Stored<'_, Option<StoredStream>> {
        let found = self.find(session, number, after);
        Stored::Ready(Some(found.map_err(Into::into)))
    }

    fn forget(&self, session: SessionId, number: u64) {
        let forgotten = self
            .database
            .write_now(|connection| rows::forget(connection, session, number));
        if let Err(failure) = forgotten {
            report(&failure);
        }
    }

    fn tidy(&self, now: Timestamp, retention: Duration) -> Stored<'_, ()> {
        let until = int(now.after(retention).0);
        let swept = self.end_abandoned().and_then(|()| {
            self.database
                .write_now(|connection| rows::sweep(connection, int(now.0), until))
        });
        Stored::Ready(Some(swept.map_err(Into::into)))
    }
}

/// Logs why events cannot be stored. Events of a session that has just ended do not matter.
fn report(failure: &Failure) {
    if failure.is_orphan() {
        tracing::debug!("dropped events of a session that has ended");
    } else {
        tracing::error!(%failure, "cannot store events");
    }
}
