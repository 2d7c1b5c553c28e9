//! Session records in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use super::{
    BySessionId, InUse, SessionId, SessionLimits, SessionRecord, SessionStore, Stored,
    tasks::MemoryTasks,
};
use crate::{Share, Timestamp, share::largest_holder};

/// Stores session records in memory. They end with the process.
#[derive(Debug)]
pub struct MemorySessions {
    limits: SessionLimits,
    records: Mutex<Records>,
    tasks: MemoryTasks,
}

#[derive(Debug)]
struct Records {
    /// Most recently used first, so the last one expires first.
    all: LruCache<SessionId, Entry, BySessionId>,
    /// The number of sessions of each share.
    held: HashMap<Share, usize>,
}

impl Records {
    fn remove(&mut self, id: SessionId) -> Option<Entry> {
        let entry = self.all.pop(&id)?;
        if let Some(held) = self.held.get_mut(&entry.record.share) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&entry.record.share);
            }
        }
        Some(entry)
    }

    /// Returns the session of `share` that makes room: the least recently used one that is not in
    /// use, or else the least recently used one.
    fn oldest(&self, share: &Share, in_use: &InUse) -> Option<SessionId> {
        let of_share = |(_, entry): &(&SessionId, &Entry)| entry.record.share == *share;
        let mut own = self.all.iter().rev().filter(of_share).map(|(id, _)| *id);
        let first = own.next()?;
        if !in_use(first) {
            return Some(first);
        }
        Some(own.find(|id| !in_use(*id)).unwrap_or(first))
    }
}

#[derive(Debug)]
struct Entry {
    record: Arc<SessionRecord>,
    seen: Timestamp,
    resumed: u32,
}

impl MemorySessions {
    /// Creates an empty store.
    pub fn new(limits: SessionLimits) -> Self {
        Self {
            limits,
            records: Mutex::new(Records {
                all: LruCache::unbounded_with_hasher(BySessionId),
                held: HashMap::new(),
            }),
            tasks: MemoryTasks::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_expired(&self, entry: &Entry, now: Timestamp) -> bool {
        now.since(entry.seen) >= self.limits.idle
    }
}

impl SessionStore for MemorySessions {
    fn insert(
        &self,
        record: Arc<SessionRecord>,
        now: Timestamp,
        in_use: InUse,
    ) -> Stored<'_, Vec<SessionId>> {
        let share = &record.share;
        let mut records = self.lock();
        let mut ended = Vec::new();
        loop {
            let held = records.held.get(share).copied().unwrap_or(0);
            let largest = if records.all.len() >= self.limits.most.max(1) {
                let held = records.held.iter().map(|(share, held)| (share, *held));
                largest_holder(held, share).cloned()
            } else if self.limits.most_of_share > 0 && held >= self.limits.most_of_share {
                Some(share.clone())
            } else {
                break;
            };
            let oldest = largest.and_then(|largest| records.oldest(&largest, &in_use));
            let Some(oldest) = oldest else { break };
            records.remove(oldest);
            ended.push(oldest);
        }
        *records.held.entry(share.clone()).or_default() += 1;
        let entry = Entry {
            record,
            seen: now,
            resumed: 0,
        };
        records.all.put(entry.record.id, entry);
        Stored::ready(ended)
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        let mut records = self.lock();
        let Some(entry) = records.all.get_mut(&id) else {
            return Stored::ready(None);
        };
        if !self.is_expired(entry, now) {
            entry.seen = now;
            return Stored::ready(Some(entry.record.clone()));
        }
        // `expire` starts at the end of the list.
        records.all.demote(&id);
        Stored::ready(None)
    }

    fn resume(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        let mut records = self.lock();
        Stored::ready(records.all.peek_mut(&id).map(|entry| {
            entry.resumed += 1;
            entry.resumed
        }))
    }

    /// Does nothing: the caller has changed the stored record itself.
    fn update(&self, _: Arc<SessionRecord>) -> Stored<'_, ()> {
        Stored::ready(())
    }

    fn remove(&self, id: SessionId) -> Stored<'_, bool> {
        Stored::ready(self.lock().remove(id).is_some())
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        let mut records = self.lock();
        let mut ended = Vec::new();
        while let Some((id, entry)) = records.all.peek_lru()
            && self.is_expired(entry, now)
        {
            let id = *id;
            records.remove(id);
            ended.push(id);
        }
        Stored::ready(ended)
    }

    fn bind_task(&self, id: &str, owner: &Share) -> Stored<'_, bool> {
        Stored::ready(self.tasks.bind(id, owner))
    }

    fn task_owner(&self, id: &str) -> Stored<'_, Option<Share>> {
        Stored::ready(self.tasks.owner(id))
    }
}
