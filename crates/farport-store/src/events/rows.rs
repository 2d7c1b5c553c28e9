//! Events as rows.

use farport_core::{Event, KeptStream, RequestId, SessionId, Unkept};

use crate::{
    error::Failure,
    numbers::{int, uint},
    sql::{Connection, OptionalExtension, params},
};

/// Writes down what there is to be kept of a stream. What fails has to be rolled back.
pub(super) fn keep(connection: &Connection, owner: &str, unkept: &Unkept) -> Result<(), Failure> {
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
pub(super) struct Kept {
    /// Nobody, where it has ended or has no end.
    pub(super) owner: Option<String>,
    pub(super) stream: KeptStream,
}

pub(super) fn look(
    connection: &Connection,
    session: SessionId,
    number: u64,
    after: u64,
) -> Result<Option<Kept>, Failure> {
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
pub(super) fn owners(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut select = connection
        .prepare_cached("SELECT DISTINCT owner FROM streams WHERE ended = 0 AND endless = 0")?;
    let owners = select.query_map((), |row| row.get(0))?;
    Ok(owners.collect::<Result<_, _>>()?)
}

pub(super) fn unfinished(
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

/// Ends a stream whose process has died: what it owes is answered in its place.
pub(super) fn end(connection: &Connection, session: SessionId, number: u64) -> Result<(), Failure> {
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

/// Lets a stream go.
pub(super) fn forget(
    connection: &Connection,
    session: SessionId,
    number: u64,
) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM streams WHERE session = ?1 AND number = ?2")?
        .execute(params![session.to_bytes(), int(number)])?;
    Ok(())
}

/// Lets go what ended before, and has what has ended since go at `until`.
pub(super) fn sweep(connection: &Connection, now: i64, until: i64) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE streams SET until = ?1 WHERE ended = 1 AND until IS NULL")?
        .execute([until])?;
    connection
        .prepare_cached("DELETE FROM streams WHERE ended = 1 AND until <= ?1")?
        .execute([now])?;
    Ok(())
}
