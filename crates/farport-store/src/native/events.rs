//! The events of session streams, in a database file.

use std::{sync::Arc, time::Duration};

use farport_core::{
    EventLog, EventStream, SessionId, Stored, StoredStream, Timestamp, UnstoredEvents,
};
use rusqlite::Connection;

use super::{
    database::{Sqlite, WeakSqlite},
    writer::{Durability, Job},
};
use crate::{
    error::Failure,
    events::rows::{self, StreamRow},
    numbers::int,
};

/// An event log in a database. Streams hold a reference to it, so its own reference to the database
/// is weak.
pub(crate) struct SqliteEvents {
    database: WeakSqlite,
}

impl SqliteEvents {
    pub(crate) fn new(database: &Sqlite) -> Self {
        Self {
            database: database.downgrade(),
        }
    }

    fn submit(&self, job: Job) -> Result<(), Failure> {
        self.database.open()?.submit(job)
    }

    fn find(
        &self,
        session: SessionId,
        number: u64,
        after: u64,
    ) -> Result<Option<StreamRow>, Failure> {
        let database = self.database.open()?;
        database.read(|connection| {
            // One transaction, so that all reads see one snapshot.
            let snapshot = connection.unchecked_transaction()?;
            rows::find(&snapshot, session, number, after)
        })
    }

    /// Ends the streams of processes that have exited: one stream, or all of them.
    async fn end_abandoned(&self, only: Option<(SessionId, u64)>) -> Result<(), Failure> {
        let database = self.database.open()?;
        let owners = database.read(rows::owners)?;
        let owner = database.owner()?;
        let dead = owners.into_iter().filter(|id| owner.is_dead(id));
        let dead: Vec<String> = dead.collect();
        if dead.is_empty() {
            return Ok(());
        }
        let write = move |connection: &Connection| {
            for owner in &dead {
                for (session, number) in rows::unfinished(connection, owner)? {
                    if only.is_none_or(|one| one == (session, number)) {
                        rows::end(connection, session, number)?;
                    }
                }
            }
            Ok(())
        };
        database.write(Durability::Process, write).await
    }
}

impl EventLog for SqliteEvents {
    fn changed(&self, stream: Arc<EventStream>) {
        let database = match self.database.open() {
            Ok(database) => database,
            Err(failure) => {
                report(&failure);
                return stream.stop_storing();
            }
        };
        let owner = match database.owner() {
            Ok(owner) => owner.id().to_owned(),
            Err(failure) => {
                report(&failure);
                return stream.stop_storing();
            }
        };
        let (source, written_stream) = (stream.clone(), stream.clone());
        let job = Job::new(
            Durability::Process,
            move |connection| {
                // A stream that was closed in the meantime has nothing left to store.
                let unstored = source.take_unstored();
                let stored = unstored
                    .as_ref()
                    .map_or(Ok(()), |unstored| store(connection, &owner, unstored));
                // The reader receives the events even if they cannot be stored.
                Ok((unstored, stored.err()))
            },
            move |written| match written {
                Ok((unstored, failed)) => {
                    if let Some(failure) = failed {
                        report(&failure);
                    }
                    if let Some(unstored) = unstored {
                        written_stream.mark_stored(&unstored);
                    }
                }
                Err(failure) => {
                    report(&failure);
                    written_stream.stop_storing();
                }
            },
        );
        if let Err(failure) = database.submit(job) {
            report(&failure);
            stream.stop_storing();
        }
    }

    fn read(
        &self,
        session: SessionId,
        number: u64,
        after: u64,
    ) -> Stored<'_, Option<StoredStream>> {
        let is_dead = |owner: &str| match self.database.open() {
            Ok(database) => database.owner().is_ok_and(|own| own.is_dead(owner)),
            Err(_) => false,
        };
        match self.find(session, number, after) {
            Ok(None) => Stored::ready(None),
            Ok(Some(StreamRow { owner, stream })) => {
                if owner.is_none_or(|owner| !is_dead(&owner)) {
                    return Stored::ready(Some(stream));
                }
                Stored::Later(Box::pin(async move {
                    self.end_abandoned(Some((session, number))).await?;
                    let row = self.find(session, number, after)?;
                    Ok(row.map(|row| row.stream))
                }))
            }
            Err(failure) => Stored::Ready(Some(Err(failure.into()))),
        }
    }

    fn forget(&self, session: SessionId, number: u64) {
        let job = Job::new(
            Durability::Process,
            move |connection| rows::forget(connection, session, number),
            |forgotten| {
                if let Err(failure) = forgotten {
                    report(&failure);
                }
            },
        );
        if let Err(failure) = self.submit(job) {
            report(&failure);
        }
    }

    fn tidy(&self, now: Timestamp, retention: Duration) -> Stored<'_, ()> {
        let until = int(now.after(retention).0);
        let database = match self.database.open() {
            Ok(database) => database,
            Err(failure) => return Stored::Ready(Some(Err(failure.into()))),
        };
        let swept = database.write(Durability::Process, move |connection| {
            rows::sweep(connection, int(now.0), until)
        });
        Stored::Later(Box::pin(async move {
            self.end_abandoned(None).await?;
            Ok(swept.await?)
        }))
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

/// Stores the pending events of a stream, all or none.
fn store(connection: &Connection, owner: &str, unstored: &UnstoredEvents) -> Result<(), Failure> {
    let savepoint = "SAVEPOINT stream";
    connection.prepare_cached(savepoint)?.execute([])?;
    let stored = rows::store(connection, owner, unstored);
    if stored.is_err() {
        connection
            .prepare_cached("ROLLBACK TO stream")?
            .execute([])?;
    }
    connection.prepare_cached("RELEASE stream")?.execute([])?;
    stored
}
