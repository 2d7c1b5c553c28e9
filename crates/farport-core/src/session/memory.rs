//! Session records in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{BySessionId, SessionId, SessionLimits, SessionRecord, SessionStore, Stored};
use crate::Timestamp;

/// Keeps records in memory, for as long as the process lives.
#[derive(Debug)]
pub struct MemorySessions {
    limits: SessionLimits,
    /// Most recently used first, which is also the order in which they expire.
    records: Mutex<Records>,
}

type Records = LruCache<SessionId, Entry, BySessionId>;

#[derive(Debug)]
struct Entry {
    record: Arc<SessionRecord>,
    seen: Timestamp,
    lives: u32,
}

impl MemorySessions {
    /// An empty store.
    pub fn new(limits: SessionLimits) -> Self {
        Self {
            limits,
            records: Mutex::new(LruCache::unbounded_with_hasher(BySessionId)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, entry: &Entry, now: Timestamp) -> bool {
        now.since(entry.seen) >= self.limits.idle
    }
}

impl SessionStore for MemorySessions {
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let mut records = self.lock();
        let mut gone = Vec::new();
        while records.len() >= self.limits.most.max(1) {
            gone.extend(records.pop_lru().map(|(id, _)| id));
        }
        let entry = Entry {
            record,
            seen: now,
            lives: 0,
        };
        records.put(entry.record.id, entry);
        Stored::ready(gone)
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        let mut records = self.lock();
        let Some(entry) = records.get_mut(&id) else {
            return Stored::ready(None);
        };
        if !self.is_over(entry, now) {
            entry.seen = now;
            return Stored::ready(Some(entry.record.clone()));
        }
        // Those that are over are where they will be looked for.
        records.demote(&id);
        Stored::ready(None)
    }

    fn revive(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        let mut records = self.lock();
        Stored::ready(records.peek_mut(&id).map(|entry| {
            entry.lives += 1;
            entry.lives
        }))
    }

    /// The record is the one that is kept.
    fn update(&self, _: Arc<SessionRecord>) -> Stored<'_, ()> {
        Stored::ready(())
    }

    fn remove(&self, id: SessionId) -> Stored<'_, bool> {
        Stored::ready(self.lock().pop(&id).is_some())
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let mut records = self.lock();
        let mut gone = Vec::new();
        while records
            .peek_lru()
            .is_some_and(|(_, entry)| self.is_over(entry, now))
        {
            gone.extend(records.pop_lru().map(|(id, _)| id));
        }
        Stored::ready(gone)
    }
}
