//! The rows of sessions.

use std::time::Duration;

use farport_core::{
    LogLevel, Principal, ProtocolVersion, RawJson, SessionId, SessionLimits, SessionRecord, Share,
    Timestamp,
};

use crate::{
    error::Failure,
    numbers::{int, uint},
    platform::{Connection, OptionalExtension, Row, params},
};

fn count(connection: &Connection) -> Result<usize, Failure> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM sessions")?
        .query_row((), |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn count_of(connection: &Connection, share: &Share) -> Result<usize, Failure> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM sessions WHERE share = ?1")?
        .query_row([share.as_str()], |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Whether a session of `share` exceeds a limit.
pub(crate) fn is_full(
    connection: &Connection,
    limits: SessionLimits,
    share: &Share,
) -> Result<bool, Failure> {
    if count(connection)? >= limits.most.max(1) {
        return Ok(true);
    }
    Ok(limits.most_of_share > 0 && count_of(connection, share)? >= limits.most_of_share)
}

/// Deletes sessions until one of `share` fits, from the share with the most sessions: the least
/// recently used session first, and sessions in use last. Returns the deleted ones.
pub(crate) fn make_room(
    connection: &Connection,
    limits: SessionLimits,
    share: &Share,
    in_use: &dyn Fn(SessionId) -> bool,
) -> Result<Vec<SessionId>, Failure> {
    let mut ended = Vec::new();
    while is_full(connection, limits, share)? {
        let store_is_full = count(connection)? >= limits.most.max(1);
        let largest = if store_is_full {
            largest(connection, share)?
        } else {
            share.as_str().to_owned()
        };
        let mut own = connection
            .prepare_cached("SELECT id FROM sessions WHERE share = ?1 ORDER BY seen, rowid")?;
        let own = own.query_map([&*largest], id_of)?;
        let own = own.collect::<Result<Vec<_>, _>>()?;
        let idle = own.iter().find(|id| !in_use(**id));
        let Some(oldest) = idle.or(own.first()) else {
            break;
        };
        remove(connection, *oldest)?;
        ended.push(*oldest);
    }
    Ok(ended)
}

/// The share with the most sessions, where `newcomer` counts one more.
fn largest(connection: &Connection, newcomer: &Share) -> Result<String, Failure> {
    let largest = connection
        .prepare_cached(
            "SELECT share FROM sessions GROUP BY share
             ORDER BY count(*) + (share = ?1) DESC, share = ?1 DESC, min(seen) LIMIT 1",
        )?
        .query_row([newcomer.as_str()], |row| row.get(0))
        .optional()?;
    Ok(largest.unwrap_or_default())
}

pub(crate) fn insert(
    connection: &Connection,
    record: &SessionRecord,
    now: Timestamp,
) -> Result<(), Failure> {
    // Everything else about the user comes with each request.
    let user = record.principal.as_user();
    let (issuer, subject) = (
        user.map(|user| &*user.issuer),
        user.map(|user| &*user.subject),
    );
    let initialize = String::from_utf8_lossy(record.initialize.as_bytes());
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, issuer, subject, initialize, version, log_level,
                                   initialized, subscriptions, seen, state, share)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
            record.share.as_str(),
        ])?;
    Ok(())
}

pub(crate) fn update(connection: &Connection, record: &SessionRecord) -> Result<(), Failure> {
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

pub(crate) fn find(
    connection: &Connection,
    id: SessionId,
) -> Result<Option<(SessionRecord, Timestamp)>, Failure> {
    let columns = connection
        .prepare_cached(
            "SELECT issuer, subject, initialize, version, log_level, initialized, subscriptions,
                    seen, state, share
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
    share: String,
}

fn columns(row: &Row<'_>) -> crate::platform::Result<Columns> {
    Ok(Columns {
        user: (row.get(0)?, row.get(1)?),
        initialize: row.get(2)?,
        version: row.get(3)?,
        log_level: row.get(4)?,
        initialized: row.get(5)?,
        subscriptions: row.get(6)?,
        seen: row.get(7)?,
        state: row.get(8)?,
        share: row.get(9)?,
    })
}

impl Columns {
    fn record(self, id: SessionId) -> Result<(SessionRecord, Timestamp), Failure> {
        let unreadable =
            |problem: &str| Failure::unreadable(format_args!("a session has {problem}"));
        let principal = match self.user {
            (None, None) => Principal::Anonymous,
            (Some(issuer), Some(subject)) => Principal::user(issuer, subject),
            _ => return Err(unreadable("an issuer without a subject, or the reverse")),
        };
        let record = SessionRecord::new(id, principal, &RawJson::from(self.initialize));
        let record = record.counted_for(Share::named(self.share));
        let version = ProtocolVersion::parse(&self.version);
        record.negotiate(version.ok_or_else(|| unreadable("an unknown protocol version"))?);
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

/// Stores when sessions were last used.
pub(crate) fn touch(
    connection: &Connection,
    uses: &[(SessionId, Timestamp)],
) -> Result<(), Failure> {
    let mut update = connection.prepare_cached("UPDATE sessions SET seen = ?2 WHERE id = ?1")?;
    for (id, seen) in uses {
        update.execute(params![id.to_bytes(), int(seen.0)])?;
    }
    Ok(())
}

/// Counts one more process that resumes a session. Returns the number of such processes.
pub(crate) fn resume(connection: &Connection, id: SessionId) -> Result<Option<u32>, Failure> {
    let lives = connection
        .prepare_cached("UPDATE sessions SET lives = lives + 1 WHERE id = ?1 RETURNING lives")?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(lives)
}

pub(crate) fn remove(connection: &Connection, id: SessionId) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?;
    Ok(delete.execute([id.to_bytes()])? > 0)
}

/// The sessions whose stored time of last use is at least `idle` ago.
pub(crate) fn seen_before(
    connection: &Connection,
    now: Timestamp,
    idle: Duration,
) -> Result<Vec<(SessionId, Timestamp)>, Failure> {
    let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached("SELECT id, seen FROM sessions WHERE seen <= ?1")?;
    let expired = select.query_map([int(now.0).saturating_sub(idle)], |row| {
        Ok((id_of(row)?, Timestamp(uint(row.get(1)?))))
    })?;
    Ok(expired.collect::<Result<_, _>>()?)
}

pub(crate) fn id_of(row: &Row<'_>) -> crate::platform::Result<SessionId> {
    Ok(SessionId::from_bytes(row.get(0)?))
}
