//! What is said on the streams of sessions.

use std::{sync::Arc, time::Duration};

use farport_core::{EventLog, EventStream, KeptStream, SessionId, Stored, Timestamp, Unkept};
use rusqlite::Connection;

use super::rows::{self, Kept};

use crate::{
    Sqlite,
    database::WeakSqlite,
    error::Failure,
    numbers::int,
    writer::{Durability, Job},
};

/// Keeps events in a database. Streams hold on to it, and that must not keep the database open.
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

    fn look(&self, session: SessionId, number: u64, after: u64) -> Result<Option<Kept>, Failure> {
        let database = self.database.open()?;
        database.read(|connection| {
            // All that is looked at is of one moment.
            let snapshot = connection.unchecked_transaction()?;
            rows::look(&snapshot, session, number, after)
        })
    }

    /// Ends what dead processes were writing to; of all streams, or of one.
    async fn bury(&self, of: Option<(SessionId, u64)>) -> Result<(), Failure> {
        let database = self.database.open()?;
        let owners = database.read(rows::owners)?;
        let owner = database.owner();
        let dead = owners.into_iter().filter(|id| owner.is_dead(id));
        let dead: Vec<String> = dead.collect();
        if dead.is_empty() {
            return Ok(());
        }
        let write = move |connection: &Connection| {
            for owner in &dead {
                for (session, number) in rows::unfinished(connection, owner)? {
                    if of.is_none_or(|one| one == (session, number)) {
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
                return stream.let_go();
            }
        };
        let owner = database.owner().id().to_owned();
        let (taken, told) = (stream.clone(), stream.clone());
        let job = Job::new(
            Durability::Process,
            move |connection| {
                // A stream that was let go meanwhile has nothing to be kept.
                let unkept = taken.unkept();
                let kept = unkept
                    .as_ref()
                    .map_or(Ok(()), |unkept| keep(connection, &owner, unkept));
                // It is shown to its reader even if it cannot be kept.
                Ok((unkept, kept.err()))
            },
            move |written| match written {
                Ok((unkept, failed)) => {
                    if let Some(failure) = failed {
                        report(&failure);
                    }
                    if let Some(unkept) = unkept {
                        told.kept(&unkept);
                    }
                }
                Err(failure) => {
                    report(&failure);
                    told.let_go();
                }
            },
        );
        if let Err(failure) = database.submit(job) {
            report(&failure);
            stream.let_go();
        }
    }

    fn read(&self, session: SessionId, number: u64, after: u64) -> Stored<'_, Option<KeptStream>> {
        let is_dead = |owner: &str| match self.database.open() {
            Ok(database) => database.owner().is_dead(owner),
            Err(_) => false,
        };
        match self.look(session, number, after) {
            Ok(None) => Stored::ready(None),
            Ok(Some(Kept { owner, stream })) => {
                if owner.is_none_or(|owner| !is_dead(&owner)) {
                    return Stored::ready(Some(stream));
                }
                Stored::Later(Box::pin(async move {
                    self.bury(Some((session, number))).await?;
                    let kept = self.look(session, number, after)?;
                    Ok(kept.map(|kept| kept.stream))
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
            self.bury(None).await?;
            Ok(swept.await?)
        }))
    }
}

/// Says why something cannot be kept. What belongs to a session that has just ended need not be.
fn report(failure: &Failure) {
    if failure.is_orphan() {
        tracing::debug!("events of a session that has ended");
    } else {
        tracing::error!(%failure, "events cannot be kept");
    }
}

/// Writes down what there is to be kept of a stream, all or nothing.
fn keep(connection: &Connection, owner: &str, unkept: &Unkept) -> Result<(), Failure> {
    let savepoint = "SAVEPOINT stream";
    connection.prepare_cached(savepoint)?.execute([])?;
    let kept = rows::keep(connection, owner, unkept);
    if kept.is_err() {
        connection
            .prepare_cached("ROLLBACK TO stream")?
            .execute([])?;
    }
    connection.prepare_cached("RELEASE stream")?.execute([])?;
    kept
}
