//! Sessions as rows.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::HashSet;
use std::time::Duration;

use farport_core::{
    LogLevel, Principal, ProtocolVersion, RawJson, SessionId, SessionRecord, Timestamp,
};

use crate::{
    error::Failure,
    numbers::{int, uint},
    sql::{Connection, OptionalExtension, Row, params},
};

pub(super) fn count(connection: &Connection) -> Result<usize, Failure> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM sessions")?
        .query_row((), |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) fn insert(
    connection: &Connection,
    record: &SessionRecord,
    now: Timestamp,
) -> Result<(), Failure> {
    // What else is known of a user is asked anew with each request.
    let user = record.principal.as_user();
    let (issuer, subject) = (
        user.map(|user| &*user.issuer),
        user.map(|user| &*user.subject),
    );
    let initialize = String::from_utf8_lossy(record.initialize.as_bytes());
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, issuer, subject, initialize, version, log_level,
                                   initialized, subscriptions, seen, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            record.id.to_bytes(),
            issuer,
            subject,
            initialize,
            record.version().as_str(),
            record.log_level().as_str(),
            record.is_initialized(),
            serde_json::to_string(&record.subscriptions())?,
            int(now.0),
            record.state().map(String::from),
        ])?;
    Ok(())
}

pub(super) fn update(connection: &Connection, record: &SessionRecord) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE sessions SET log_level = ?2, initialized = ?3, subscriptions = ?4, state = ?5
             WHERE id = ?1",
        )?
        .execute(params![
            record.id.to_bytes(),
            record.log_level().as_str(),
            record.is_initialized(),
            serde_json::to_string(&record.subscriptions())?,
            record.state().map(String::from),
        ])?;
    Ok(())
}

/// When a session was last looked at, as far as that was written down.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn seen(connection: &Connection, id: SessionId) -> Result<Option<Timestamp>, Failure> {
    let seen = connection
        .prepare_cached("SELECT seen FROM sessions WHERE id = ?1")?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(seen.map(|seen| Timestamp(uint(seen))))
}

pub(super) fn find(
    connection: &Connection,
    id: SessionId,
) -> Result<Option<(SessionRecord, Timestamp)>, Failure> {
    let columns = connection
        .prepare_cached(
            "SELECT issuer, subject, initialize, version, log_level, initialized, subscriptions,
                    seen, state
             FROM sessions WHERE id = ?1",
        )?
        .query_row([id.to_bytes()], columns)
        .optional()?;
    columns.map(|columns| columns.record(id)).transpose()
}

struct Columns {
    user: (Option<String>, Option<String>),
    initialize: String,
    version: String,
    log_level: String,
    initialized: bool,
    subscriptions: String,
    seen: i64,
    state: Option<String>,
}

fn columns(row: &Row<'_>) -> crate::sql::Result<Columns> {
    Ok(Columns {
        user: (row.get(0)?, row.get(1)?),
        initialize: row.get(2)?,
        version: row.get(3)?,
        log_level: row.get(4)?,
        initialized: row.get(5)?,
        subscriptions: row.get(6)?,
        seen: row.get(7)?,
        state: row.get(8)?,
    })
}

impl Columns {
    fn record(self, id: SessionId) -> Result<(SessionRecord, Timestamp), Failure> {
        let unreadable = |what: &str| Failure::Unreadable(format!("a session with {what}"));
        let principal = match self.user {
            (None, None) => Principal::Anonymous,
            (Some(issuer), Some(subject)) => Principal::user(issuer, subject),
            _ => return Err(unreadable("half a user")),
        };
        let record = SessionRecord::new(id, principal, &RawJson::from(self.initialize));
        let version = ProtocolVersion::parse(&self.version);
        record.negotiate(version.ok_or_else(|| unreadable("an unknown revision"))?);
        let level = LogLevel::parse(&self.log_level);
        record.set_log_level(level.ok_or_else(|| unreadable("an unknown log level"))?);
        if self.initialized {
            record.set_initialized();
        }
        let subscriptions: Vec<Box<str>> = serde_json::from_str(&self.subscriptions)?;
        subscriptions.iter().for_each(|uri| record.subscribe(uri));
        record.set_state(self.state.map(Into::into));
        Ok((record, Timestamp(uint(self.seen))))
    }
}

/// When the one was looked at that nobody has looked at for longest.
#[cfg(target_arch = "wasm32")]
pub(super) fn first_seen(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let seen: Option<i64> = connection
        .prepare_cached("SELECT min(seen) FROM sessions")?
        .query_row((), |row| row.get(0))?;
    Ok(seen.map(|seen| Timestamp(uint(seen))))
}

/// Writes down when sessions were looked at.
pub(super) fn touch(
    connection: &Connection,
    looks: &[(SessionId, Timestamp)],
) -> Result<(), Failure> {
    let mut update = connection.prepare_cached("UPDATE sessions SET seen = ?2 WHERE id = ?1")?;
    for (id, seen) in looks {
        update.execute(params![id.to_bytes(), int(seen.0)])?;
    }
    Ok(())
}

/// Ends this many sessions, longest idle first.
pub(super) fn make_room(connection: &Connection, many: usize) -> Result<Vec<SessionId>, Failure> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM sessions
         WHERE rowid IN (SELECT rowid FROM sessions ORDER BY seen, rowid LIMIT ?1)
         RETURNING id",
    )?;
    let gone = delete.query_map([i64::try_from(many).unwrap_or(i64::MAX)], id_of)?;
    Ok(gone.collect::<Result<_, _>>()?)
}

pub(super) fn revive(connection: &Connection, id: SessionId) -> Result<Option<u32>, Failure> {
    let lives = connection
        .prepare_cached("UPDATE sessions SET lives = lives + 1 WHERE id = ?1 RETURNING lives")?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(lives)
}

pub(super) fn remove(connection: &Connection, id: SessionId) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?;
    Ok(delete.execute([id.to_bytes()])? > 0)
}

/// The sessions that, as far as was written down, nobody has looked at for `idle`.
pub(super) fn seen_before(
    connection: &Connection,
    now: Timestamp,
    idle: Duration,
) -> Result<Vec<(SessionId, Timestamp)>, Failure> {
    let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached("SELECT id, seen FROM sessions WHERE seen <= ?1")?;
    let over = select.query_map([int(now.0).saturating_sub(idle)], |row| {
        Ok((id_of(row)?, Timestamp(uint(row.get(1)?))))
    })?;
    Ok(over.collect::<Result<_, _>>()?)
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) fn all(connection: &Connection) -> Result<HashSet<SessionId>, Failure> {
    let mut select = connection.prepare_cached("SELECT id FROM sessions")?;
    let ids = select.query_map((), id_of)?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Changes when another connection has written.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn data_version(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

fn id_of(row: &Row<'_>) -> crate::sql::Result<SessionId> {
    Ok(SessionId::from_bytes(row.get(0)?))
}
