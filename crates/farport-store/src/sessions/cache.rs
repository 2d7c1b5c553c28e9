//! The records that this process has been asked for.

use std::{sync::Arc, time::Duration};

use farport_core::{BySessionId, SessionId, SessionRecord, Timestamp};
use lru::LruCache;

/// Records in memory, and what the database does not know of them yet.
pub(super) struct Cache {
    entries: LruCache<SessionId, Entry, BySessionId>,
    /// Those that were looked at since that was last written down.
    looked: Vec<SessionId>,
    /// Changes when another process writes to the database.
    version: Option<i64>,
}

struct Entry {
    record: Arc<SessionRecord>,
    seen: Timestamp,
    /// What the database says of when it was seen.
    written: Timestamp,
    /// Whether it is among those that were looked at.
    looked: bool,
}

/// What memory says of a session.
pub(super) enum Found {
    Here(Arc<SessionRecord>),
    /// It is not here, or its time is over as far as this process knows.
    Perhaps,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            // As many as there may be sessions: the database is where they are bounded.
            entries: LruCache::unbounded_with_hasher(BySessionId),
            looked: Vec::new(),
            version: None,
        }
    }
}

impl Cache {
    /// Looks at a session. Also says whether what the database knows of such looks is older than
    /// `grain`.
    pub(super) fn look(
        &mut self,
        id: SessionId,
        now: Timestamp,
        idle: Duration,
        grain: Duration,
    ) -> (Found, bool) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return (Found::Perhaps, false);
        };
        if now.since(entry.seen) >= idle {
            return (Found::Perhaps, false);
        }
        entry.seen = now;
        let stale = now.since(entry.written) >= grain;
        if stale {
            // Until that has been done, it need not be asked for again.
            entry.written = now;
        }
        if !entry.looked {
            entry.looked = true;
            self.looked.push(id);
        }
        (Found::Here(entry.record.clone()), stale)
    }

    /// Takes a record that the database says was seen `now`. Gives the one to use: another caller
    /// may have been faster.
    pub(super) fn load(
        &mut self,
        record: Arc<SessionRecord>,
        now: Timestamp,
    ) -> Arc<SessionRecord> {
        let id = record.id;
        let fresh = || Entry {
            record,
            seen: now,
            written: now,
            looked: false,
        };
        let entry = self.entries.get_or_insert_mut(id, fresh);
        entry.seen = now;
        entry.record.clone()
    }

    /// When which sessions were looked at that has not been written down.
    pub(super) fn take_looks(&mut self) -> Vec<(SessionId, Timestamp)> {
        let looked = std::mem::take(&mut self.looked);
        let entries = &mut self.entries;
        let looks = looked.into_iter().filter_map(|id| {
            let entry = entries.peek_mut(&id)?;
            entry.looked = false;
            entry.written = entry.seen;
            Some((id, entry.seen))
        });
        looks.collect()
    }

    pub(super) fn forget(&mut self, gone: &[SessionId]) {
        for id in gone {
            self.entries.pop(id);
        }
    }

    pub(super) fn has(&self, id: SessionId) -> bool {
        self.entries.contains(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.entries.iter().map(|(id, _)| *id)
    }

    /// Whether another process has written to the database since this was last asked.
    pub(super) fn others_wrote(&mut self, version: i64) -> bool {
        self.version
            .replace(version)
            .is_some_and(|before| before != version)
    }
}
