//! A limit on the total size of all sessions' events.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::Share;

/// A limit on the total size of the events of all streams, divided equally among the shares.
///
/// Above the limit, the streams of a share that holds more than its part keep only their newest event.
/// Other shares are not affected, so the total is at most twice the limit.
#[derive(Debug)]
pub struct EventBudget {
    most: usize,
    total: AtomicUsize,
    holders: Mutex<HashMap<Share, Weak<AtomicUsize>>>,
    count: AtomicUsize,
}

/// The part of an [`EventBudget`] that one share holds.
#[derive(Clone, Debug)]
pub struct EventAccount {
    budget: Arc<EventBudget>,
    held: Arc<AtomicUsize>,
}

impl EventBudget {
    /// Creates a budget of `most` bytes.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            total: AtomicUsize::new(0),
            holders: Mutex::default(),
            count: AtomicUsize::new(0),
        })
    }

    /// Returns the account of `share`. All sessions of a share have the same account.
    pub fn account(self: &Arc<Self>, share: &Share) -> EventAccount {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = holders.get(share).and_then(Weak::upgrade);
        let held = known.unwrap_or_else(|| {
            let held = Arc::new(AtomicUsize::new(0));
            // Remove unused accounts from time to time.
            if holders.len() >= 2 * self.count.load(Ordering::Relaxed).max(32) {
                holders.retain(|_, held| held.strong_count() > 0);
                self.count.store(holders.len(), Ordering::Relaxed);
            }
            holders.insert(share.clone(), Arc::downgrade(&held));
            held
        });
        EventAccount {
            budget: self.clone(),
            held,
        }
    }

    /// Returns the total size of all events in bytes.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn part(&self) -> usize {
        let holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let live = holders.values().filter(|held| {
            let held = held.upgrade();
            held.is_some_and(|held| held.load(Ordering::Relaxed) > 0)
        });
        self.most / live.count().max(1)
    }
}

impl EventAccount {
    /// Reports whether the total exceeds the budget, and this share holds more than its part.
    pub fn is_over(&self) -> bool {
        self.budget.total() > self.budget.most
            && self.held.load(Ordering::Relaxed) > self.budget.part()
    }

    pub(super) fn add(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.budget.total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.total.fetch_sub(bytes, Ordering::Relaxed);
    }
}
