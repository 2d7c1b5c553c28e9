//! Slots: a bounded number of open streams, divided among shares.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farport_core::{Share, largest_holder};
use tokio_util::sync::CancellationToken;

/// A bounded number of slots. At the limit, the share that holds the most loses its oldest slot.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    /// The maximum number of slots of one share. 0 means no separate limit.
    most_of_share: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    next: u64,
    /// Oldest first.
    of_share: HashMap<Share, VecDeque<(u64, CancellationToken)>>,
}

/// A slot, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    share: Share,
    number: u64,
    /// Fires when a newer slot replaces this one.
    pub(crate) lost: CancellationToken,
}

impl Slots {
    pub(crate) fn new(most: usize, most_of_share: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_of_share,
            held: Mutex::default(),
        })
    }

    /// Takes a slot for `share`.
    pub(crate) fn take(self: &Arc<Self>, share: Share) -> Slot {
        let lost = CancellationToken::new();
        let mut replaced = Vec::new();
        let mut held = self.lock();
        loop {
            let own = held.of_share.get(&share).map_or(0, VecDeque::len);
            let from = if self.most_of_share > 0 && own >= self.most_of_share {
                share.clone()
            } else if held.total >= self.most {
                let all = held.of_share.iter();
                let all = all.map(|(share, slots)| (share, slots.len()));
                match largest_holder(all, &share) {
                    Some(largest) => largest.clone(),
                    None => break,
                }
            } else {
                break;
            };
            let Some(oldest) = held.remove(&from, None) else {
                break;
            };
            replaced.push(oldest);
        }
        held.total += 1;
        held.next += 1;
        let number = held.next;
        let slots = held.of_share.entry(share.clone()).or_default();
        slots.push_back((number, lost.clone()));
        drop(held);
        for lost in replaced {
            lost.cancel();
        }
        Slot {
            slots: self.clone(),
            share,
            number,
            lost,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Removes the slot of `share` with this number, or else its oldest.
    fn remove(&mut self, share: &Share, number: Option<u64>) -> Option<CancellationToken> {
        let slots = self.of_share.get_mut(share)?;
        let index = match number {
            Some(number) => slots.iter().position(|(other, _)| *other == number)?,
            None => 0,
        };
        let (_, lost) = slots.remove(index)?;
        if slots.is_empty() {
            self.of_share.remove(share);
        }
        self.total -= 1;
        Some(lost)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(&self.share, Some(self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_only_replaces_slots_of_the_same_share() {
        let slots = Slots::new(5, 0);
        let (ann, bob) = (Share::named("ann"), Share::named("bob"));
        let of_ann = slots.take(ann);
        let mut of_bob: Vec<_> = (0..20).map(|_| slots.take(bob.clone())).collect();
        assert!(!of_ann.lost.is_cancelled());
        let lost: Vec<_> = of_bob.iter().map(|slot| slot.lost.is_cancelled()).collect();
        assert_eq!(lost, [vec![true; 16], vec![false; 4]].concat());
        // A slot that was replaced is not freed again.
        of_bob.drain(..18);
        let cy = slots.take(Share::named("cy"));
        assert_eq!(slots.lock().total, 4);
        assert!(!cy.lost.is_cancelled() && !of_bob[0].lost.is_cancelled());
        drop((of_ann, of_bob, cy));
        assert_eq!(slots.lock().total, 0);
        assert!(slots.lock().of_share.is_empty());
    }

    #[test]
    fn a_share_has_at_most_its_limit_of_slots() {
        let slots = Slots::new(100, 2);
        let of_bob: Vec<_> = (0..4).map(|_| slots.take(Share::named("bob"))).collect();
        let lost: Vec<_> = of_bob.iter().map(|slot| slot.lost.is_cancelled()).collect();
        assert_eq!(lost, [true, true, false, false]);
    }
}
