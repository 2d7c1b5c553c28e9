//! State that a test shares with its handlers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rmcp::{Peer, RoleServer, service::SubscriptionSink};
use tokio::sync::{Semaphore, watch};

use super::soon;

/// The state that a test and all handlers of its server share.
#[derive(Debug)]
pub(crate) struct Shop {
    seen: watch::Sender<Vec<String>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    pub(crate) peers: Mutex<Vec<Peer<RoleServer>>>,
    pub(crate) sinks: Mutex<Vec<SubscriptionSink>>,
    /// The number of handlers in memory.
    alive: AtomicUsize,
    /// Whether creating a handler panics.
    pub(crate) closed: AtomicBool,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            seen: watch::Sender::new(Vec::new()),
            gates: Mutex::default(),
            peers: Mutex::default(),
            sinks: Mutex::default(),
            alive: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }
}

impl Shop {
    /// Records an event.
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.seen.send_modify(|seen| seen.push(what.into()));
    }

    /// Waits until an event is recorded.
    pub(crate) async fn has_seen(&self, what: &str) {
        let mut seen = self.seen.subscribe();
        soon(seen.wait_for(|seen| seen.iter().any(|note| note == what)))
            .await
            .unwrap();
    }

    /// Returns all recorded events.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// Lets one handler through a gate.
    pub(crate) fn open(&self, gate: &str) {
        self.gate(gate).add_permits(1);
    }

    /// Waits at a gate.
    pub(crate) async fn pass(&self, gate: &str) {
        self.gate(gate).acquire().await.unwrap().forget();
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        let gate = gates.entry(name.to_owned());
        gate.or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    /// Returns the number of handlers in memory.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    pub(crate) fn came(&self) {
        self.alive.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn went(&self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        self.note("a handler went");
    }

    /// Waits until only `count` handlers are in memory.
    pub(crate) async fn shrinks_to(&self, count: usize) {
        let mut seen = self.seen.subscribe();
        soon(seen.wait_for(|_| self.alive() <= count))
            .await
            .unwrap();
        assert_eq!(self.alive(), count);
    }
}
