//! The calls of a translation, and how to find them.

use std::collections::HashMap;
use std::time::Instant;

use super::Held;
use super::bounds::{Shares, Timers};
use super::message::Id;
use super::turn::Key;

/// The calls that a translation holds.
///
/// A call is registered under each id that a message may name it by. [`remove`](Self::remove) ends its timer and its
/// share of memory; the caller of `remove` knows the ids.
#[derive(Debug)]
pub(super) struct CallTable<C> {
    pub(super) calls: HashMap<Key, C>,
    /// The calls by the id of the caller's request.
    pub(super) by_caller: HashMap<Id, Key>,
    /// The calls by the id of the request at the server.
    pub(super) at_server: HashMap<Id, Key>,
    /// The calls by the id of an open question.
    pub(super) questions: HashMap<Id, Key>,
    pub(super) timers: Timers<Key>,
    pub(super) shares: Shares<Key>,
}

impl<C> Default for CallTable<C> {
    fn default() -> Self {
        Self {
            calls: HashMap::new(),
            by_caller: HashMap::new(),
            at_server: HashMap::new(),
            questions: HashMap::new(),
            timers: Timers::default(),
            shares: Shares::default(),
        }
    }
}

impl<C> CallTable<C> {
    /// Adds a call with the id of the caller's request, and the number of bytes that it holds.
    pub(super) fn insert(&mut self, key: Key, id: Id, call: C, bytes: usize) {
        self.shares.add(key, bytes);
        self.by_caller.insert(id, key);
        self.calls.insert(key, call);
    }

    /// Removes a call with its timer and its share of memory, but not its ids.
    pub(super) fn remove(&mut self, key: Key) -> Option<C> {
        self.timers.stop(key);
        self.shares.remove(key);
        self.calls.remove(&key)
    }

    /// The call that a message of the server belongs to, by the id of its stream.
    pub(super) fn of_stream(&self, stream: Option<&Id>) -> Option<&C> {
        let key = stream.and_then(|id| self.at_server.get(id));
        key.and_then(|key| self.calls.get(key))
    }

    /// The call of a question that has an answer now. The question is no longer open.
    pub(super) fn take_question(&mut self, id: &Id) -> Option<(Key, &mut C)> {
        let key = self.questions.remove(id)?;
        Some((key, self.calls.get_mut(&key)?))
    }

    /// The call that has to end while all calls together hold more than `most` bytes.
    pub(super) fn makes_room(&mut self, most: usize) -> Option<Key> {
        while let Some(key) = self.shares.makes_room(most) {
            if self.calls.contains_key(&key) {
                return Some(key);
            }
            self.shares.remove(key);
        }
        None
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What the table holds.
    pub(super) fn held(&self) -> Held {
        Held {
            calls: self.calls.len(),
            questions: self.questions.len(),
            at_server: self.at_server.len(),
            timers: self.timers.len(),
            bytes: self.shares.total(),
            ..Held::default()
        }
    }
}
