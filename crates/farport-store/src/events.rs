//! What is said on the streams of sessions.

use std::{sync::Arc, time::Duration};

use farport_core::{
    Event, EventLog, EventStream, KeptStream, RequestId, SessionId, Stored, Timestamp, Unkept,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    Sqlite,
    database::WeakSqlite,
    error::Failure,
    numbers::{int, uint},
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
        database.read(|connection| look(connection, session, number, after))
    }

    /// Ends what dead processes were writing to; of all streams, or of one.
    async fn bury(&self, of: Option<(SessionId, u64)>) -> Result<(), Failure> {
        let database = self.database.open()?;
        let owners = database.read(owners)?;
        let owner = database.owner();
        let dead = owners.into_iter().filter(|id| owner.is_dead(id));
        let dead: Vec<String> = dead.collect();
        if dead.is_empty() {
            return Ok(());
        }
        let write = move |connection: &Connection| {
            for owner in &dead {
                for (session, number) in unfinished(connection, owner)? {
                    if of.is_none_or(|one| one == (session, number)) {
                        end(connection, session, number)?;
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
            move |connection| {
                connection
                    .prepare_cached("DELETE FROM streams WHERE session = ?1 AND number = ?2")?
                    .execute(params![session.to_bytes(), int(number)])?;
                Ok(())
            },
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
            connection
                .prepare_cached("UPDATE streams SET until = ?1 WHERE ended = 1 AND until IS NULL")?
                .execute([until])?;
            connection
                .prepare_cached("DELETE FROM streams WHERE ended = 1 AND until <= ?1")?
                .execute([int(now.0)])?;
            Ok(())
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
    let kept = keep_parts(connection, owner, unkept);
    if kept.is_err() {
        connection
            .prepare_cached("ROLLBACK TO stream")?
            .execute([])?;
    }
    connection.prepare_cached("RELEASE stream")?.execute([])?;
    kept
}

fn keep_parts(connection: &Connection, owner: &str, unkept: &Unkept) -> Result<(), Failure> {
    let (session, number) = (unkept.session.to_bytes(), int(unkept.number));
    connection
        .prepare_cached(
            "INSERT INTO streams (session, number, owner, owed, endless, given, ended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (session, number) DO UPDATE SET
                 owner = excluded.owner, owed = excluded.owed, ended = excluded.ended,
                 given = max(given, excluded.given)",
        )?
        .execute(params![
            session,
            number,
            owner,
            serde_json::to_string(&unkept.owed)?,
            unkept.endless,
            int(unkept.given),
            unkept.ended,
        ])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (session, number, seq, answer, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for event in &unkept.events {
        insert.execute(params![
            session,
            number,
            int(event.seq),
            event.answer,
            &event.data[..],
        ])?;
    }
    let mut delete = connection
        .prepare_cached("DELETE FROM events WHERE session = ?1 AND number = ?2 AND seq = ?3")?;
    for seq in &unkept.dropped {
        delete.execute(params![session, number, int(*seq)])?;
    }
    Ok(())
}

/// A stream, and who is writing to it.
struct Kept {
    /// Nobody, where it has ended or has no end.
    owner: Option<String>,
    stream: KeptStream,
}

fn look(
    connection: &Connection,
    session: SessionId,
    number: u64,
    after: u64,
) -> Result<Option<Kept>, Failure> {
    // Both at the same point in time.
    let snapshot = connection.unchecked_transaction()?;
    let key = (session.to_bytes(), int(number));
    let found = snapshot
        .prepare_cached(
            "SELECT owner, endless, given, ended FROM streams WHERE session = ?1 AND number = ?2",
        )?
        .query_row(key, |row| {
            let (owner, endless): (String, bool) = (row.get(0)?, row.get(1)?);
            let (given, ended): (i64, bool) = (row.get(2)?, row.get(3)?);
            Ok((owner, endless, given, ended))
        })
        .optional()?;
    let Some((owner, endless, given, ended)) = found else {
        return Ok(None);
    };
    let mut events = snapshot.prepare_cached(
        "SELECT seq, answer, data FROM events
         WHERE session = ?1 AND number = ?2 AND seq > ?3 ORDER BY seq",
    )?;
    let events = events.query_map((key.0, key.1, int(after)), |row| {
        Ok(Event {
            seq: uint(row.get(0)?),
            answer: row.get(1)?,
            data: row.get::<_, Vec<u8>>(2)?.into(),
        })
    })?;
    let events = events.collect::<Result<_, _>>()?;
    Ok(Some(Kept {
        owner: (!ended && !endless).then_some(owner),
        stream: KeptStream {
            events,
            given: uint(given),
            ended,
        },
    }))
}

/// The processes that are writing to streams, as far as was written down.
fn owners(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut select = connection
        .prepare_cached("SELECT DISTINCT owner FROM streams WHERE ended = 0 AND endless = 0")?;
    let owners = select.query_map([], |row| row.get(0))?;
    Ok(owners.collect::<Result<_, _>>()?)
}

fn unfinished(connection: &Connection, owner: &str) -> Result<Vec<(SessionId, u64)>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT session, number FROM streams WHERE ended = 0 AND endless = 0 AND owner = ?1",
    )?;
    let streams = select.query_map([owner], |row| {
        Ok((SessionId::from_bytes(row.get(0)?), uint(row.get(1)?)))
    })?;
    Ok(streams.collect::<Result<_, _>>()?)
}

/// Ends a stream whose process has died: what it owes is answered in its place.
fn end(connection: &Connection, session: SessionId, number: u64) -> Result<(), Failure> {
    let key = (session.to_bytes(), int(number));
    let owed: String = connection
        .prepare_cached("SELECT owed FROM streams WHERE session = ?1 AND number = ?2")?
        .query_row(key, |row| row.get(0))?;
    let owed: Vec<RequestId> = serde_json::from_str(&owed)?;
    let mut answer = connection.prepare_cached(
        "INSERT INTO events (session, number, seq, answer, data)
         SELECT ?1, ?2, 1 + coalesce(max(seq), 0), 1, ?3
         FROM events WHERE session = ?1 AND number = ?2",
    )?;
    for request in &owed {
        let lost = KeptStream::lost(request);
        answer.execute(params![key.0, key.1, &lost[..]])?;
    }
    connection
        .prepare_cached(
            "UPDATE streams SET ended = 1, owed = '[]' WHERE session = ?1 AND number = ?2",
        )?
        .execute(key)?;
    Ok(())
}
