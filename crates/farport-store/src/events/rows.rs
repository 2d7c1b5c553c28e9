//! The rows of streams and events.

use farport_core::{Event, RequestId, SessionId, StoredStream, UnstoredEvents};

use crate::{
    error::Failure,
    numbers::{int, uint},
    platform::{Connection, OptionalExtension, params},
};

/// Stores the pending events of a stream. The caller has to roll back when it fails.
pub(crate) fn store(
    connection: &Connection,
    owner: &str,
    unstored: &UnstoredEvents,
) -> Result<(), Failure> {
    let (session, number) = (unstored.session.to_bytes(), int(unstored.number));
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
            serde_json::to_string(&unstored.owed)?,
            unstored.endless,
            int(unstored.given),
            unstored.ended,
        ])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (session, number, seq, answer, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for event in &unstored.events {
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
    for seq in &unstored.dropped {
        delete.execute(params![session, number, int(*seq)])?;
    }
    Ok(())
}

/// A stream, and the process that writes to it.
pub(crate) struct StreamRow {
    /// `None` for a stream that has ended or that lasts as long as its session.
    pub(crate) owner: Option<String>,
    pub(crate) stream: StoredStream,
}

/// Returns a stream with its events after `after`.
pub(crate) fn find(
    connection: &Connection,
    session: SessionId,
    number: u64,
    after: u64,
) -> Result<Option<StreamRow>, Failure> {
    let key = (session.to_bytes(), int(number));
    let found = connection
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
    let mut events = connection.prepare_cached(
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
    Ok(Some(StreamRow {
        owner: (!ended && !endless).then_some(owner),
        stream: StoredStream {
            events,
            given: uint(given),
            ended,
        },
    }))
}

/// The processes that have unfinished streams.
pub(crate) fn owners(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut select = connection
        .prepare_cached("SELECT DISTINCT owner FROM streams WHERE ended = 0 AND endless = 0")?;
    let owners = select.query_map((), |row| row.get(0))?;
    Ok(owners.collect::<Result<_, _>>()?)
}

/// The unfinished streams of a process.
pub(crate) fn unfinished(
    connection: &Connection,
    owner: &str,
) -> Result<Vec<(SessionId, u64)>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT session, number FROM streams WHERE ended = 0 AND endless = 0 AND owner = ?1",
    )?;
    let streams = select.query_map([owner], |row| {
        Ok((SessionId::from_bytes(row.get(0)?), uint(row.get(1)?)))
    })?;
    Ok(streams.collect::<Result<_, _>>()?)
}

/// Ends a stream whose process has exited, with an error response to each request that it left open.
pub(crate) fn end(connection: &Connection, session: SessionId, number: u64) -> Result<(), Failure> {
    let key = (session.to_bytes(), int(number));
    let owed: String = connection
        .prepare_cached("SELECT owed FROM streams WHERE session = ?1 AND number = ?2")?
        .query_row(key, |row| row.get(0))?;
    let owed: Vec<RequestId> = serde_json::from_str(&owed)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (session, number, seq, answer, data)
         SELECT ?1, ?2, 1 + coalesce(max(seq), 0), 1, ?3
         FROM events WHERE session = ?1 AND number = ?2",
    )?;
    for request in &owed {
        let lost = StoredStream::lost(request);
        insert.execute(params![key.0, key.1, &lost[..]])?;
    }
    connection
        .prepare_cached(
            "UPDATE streams SET ended = 1, owed = '[]' WHERE session = ?1 AND number = ?2",
        )?
        .execute(key)?;
    Ok(())
}

/// Deletes a stream.
pub(crate) fn forget(
    connection: &Connection,
    session: SessionId,
    number: u64,
) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM streams WHERE session = ?1 AND number = ?2")?
        .execute(params![session.to_bytes(), int(number)])?;
    Ok(())
}

/// Deletes ended streams whose retention is over, and sets the retention of newly ended ones to
/// `until`.
pub(crate) fn sweep(connection: &Connection, now: i64, until: i64) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE streams SET until = ?1 WHERE ended = 1 AND until IS NULL")?
        .execute([until])?;
    connection
        .prepare_cached("DELETE FROM streams WHERE ended = 1 AND until <= ?1")?
        .execute([now])?;
    Ok(())
}
