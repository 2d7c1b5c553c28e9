//! The session records that this process has loaded.

use std::{sync::Arc, time::Duration};

use farport_core::{BySessionId, SessionId, SessionRecord, Timestamp};
use lru::LruCache;

/// Session records in memory, and the times of use that are not in the database yet.
pub(super) struct Cache {
    entries: LruCache<SessionId, Entry, BySessionId>,
    /// The sessions used since the last write of these times.
    unsaved: Vec<SessionId>,
    /// Changes when another process writes to the database.
    version: Option<i64>,
}

struct Entry {
    record: Arc<SessionRecord>,
    seen: Timestamp,
    /// The last use that the database contains.
    saved: Timestamp,
    /// Whether `unsaved` contains this session.
    unsaved: bool,
}

/// The result of a lookup in the cache.
pub(super) enum Lookup {
    Hit(Arc<SessionRecord>),
    /// The record is not in memory, or this process believes that it has expired.
    Miss,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            // The limits on sessions in the database bound it.
            entries: LruCache::unbounded_with_hasher(BySessionId),
            unsaved: Vec::new(),
            version: None,
        }
    }
}

impl Cache {
    /// Returns a session and records its use. The flag is true when the last use in the database
    /// is older than `precision`.
    pub(super) fn get(
        &mut self,
        id: SessionId,
        now: Timestamp,
        idle: Duration,
        precision: Duration,
    ) -> (Lookup, bool) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return (Lookup::Miss, false);
        };
        if now.since(entry.seen) >= idle {
            return (Lookup::Miss, false);
        }
        entry.seen = now;
        let stale = now.since(entry.saved) >= precision;
        if stale {
            // One write at a time is enough.
            entry.saved = now;
        }
        if !entry.unsaved {
            entry.unsaved = true;
            self.unsaved.push(id);
        }
        (Lookup::Hit(entry.record.clone()), stale)
    }

    /// Adds a record whose use at `now` is in the database. Returns the record to use, which another
    /// caller may have added first.
    pub(super) fn load(
        &mut self,
        record: Arc<SessionRecord>,
        now: Timestamp,
    ) -> Arc<SessionRecord> {
        let id = record.id;
        let fresh = || Entry {
            record,
            seen: now,
            saved: now,
            unsaved: false,
        };
        let entry = self.entries.get_or_insert_mut(id, fresh);
        entry.seen = now;
        entry.record.clone()
    }

    /// Takes the times of use that are not in the database yet.
    pub(super) fn take_unsaved(&mut self) -> Vec<(SessionId, Timestamp)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        let entries = &mut self.entries;
        let uses = unsaved.into_iter().filter_map(|id| {
            let entry = entries.peek_mut(&id)?;
            entry.unsaved = false;
            entry.saved = entry.seen;
            Some((id, entry.seen))
        });
        uses.collect()
    }

    pub(super) fn remove(&mut self, ids: &[SessionId]) {
        for id in ids {
            self.entries.pop(id);
        }
    }

    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.entries.contains(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.entries.iter().map(|(id, _)| *id)
    }

    /// Whether another process has written to the database since the last call.
    pub(super) fn others_wrote(&mut self, version: i64) -> bool {
        self.version
            .replace(version)
            .is_some_and(|before| before != version)
    }
}
