//! What the machine holds: timers, and the bytes of each call.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// One timer for each key.
#[derive(Debug)]
pub(super) struct Timers<K> {
    order: BTreeSet<(Instant, K)>,
    at: HashMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            order: BTreeSet::new(),
            at: HashMap::new(),
        }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets the timer of a key, and replaces an earlier one.
    pub(super) fn set(&mut self, key: K, at: Instant) {
        self.stop(key);
        self.at.insert(key, at);
        self.order.insert((at, key));
    }

    pub(super) fn stop(&mut self, key: K) {
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    /// The time of the timer of a key.
    pub(super) fn at(&self, key: K) -> Option<Instant> {
        self.at.get(&key).copied()
    }

    /// The time of the first timer.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes a timer that has expired.
    pub(super) fn expired(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.stop(key);
        Some(key)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

/// The bytes that each call makes the machine hold.
#[derive(Debug)]
pub(super) struct Shares<K> {
    held: HashMap<K, usize>,
    total: usize,
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            total: 0,
        }
    }
}

impl<K: Copy + Ord + Hash> Shares<K> {
    /// Counts bytes for a call.
    pub(super) fn add(&mut self, key: K, bytes: usize) {
        *self.held.entry(key).or_default() += bytes;
        self.total += bytes;
    }

    /// Ends the share of a call.
    pub(super) fn remove(&mut self, key: K) {
        self.total -= self.held.remove(&key).unwrap_or_default();
    }

    /// The call that makes room while the total is over `most`: the one that holds most, and of
    /// several the newest.
    pub(super) fn makes_room(&self, most: usize) -> Option<K> {
        if self.total <= most {
            return None;
        }
        let largest = self.held.iter().max_by_key(|(key, held)| (**held, **key));
        largest.map(|(key, _)| *key)
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_expire_in_their_order_and_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(1, at(3));
        timers.set(2, at(2));
        timers.set(1, at(1));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.expired(start), None);
        assert_eq!(timers.expired(at(9)), Some(1));
        timers.stop(2);
        assert_eq!(timers.expired(at(9)), None);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn the_largest_share_makes_room() {
        let mut shares = Shares::default();
        shares.add(1, 10);
        shares.add(2, 30);
        shares.add(3, 10);
        assert_eq!(shares.makes_room(50), None);
        assert_eq!(shares.makes_room(40), Some(2));
        shares.remove(2);
        assert_eq!((shares.total(), shares.makes_room(19)), (20, Some(3)));
    }
}
