//! What the recorder adds to the timeline and to the log of sign-ins, and what reads them.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use super::{BESIDE, State, lock, now};
use crate::exchange::Exchange;
use crate::recorder::Recorder;
use crate::sign_in::Step;
use crate::timeline::{Content, Message, Note, Timeline};

impl State {
    /// A recorder for requests outside the connection.
    pub(crate) fn recorder(self: &Arc<Self>) -> Arc<Recorder> {
        let generation = lock(&self.inner).generation;
        self.recorder_of(generation)
    }

    /// A recorder for the connection with this number.
    pub(crate) fn recorder_of(self: &Arc<Self>, generation: u64) -> Arc<Recorder> {
        Arc::new(Recorder::new(Arc::downgrade(self), generation))
    }

    fn push(&self, generation: u64, content: Content) -> Option<u64> {
        let mut inner = lock(&self.inner);
        // The end of the connection before, such as its closed session, is recorded as well.
        if inner.generation > generation + 1 {
            return None;
        }
        let entry = inner.timeline.push(now(), content);
        self.events.send(&entry.to_event());
        Some(entry.seq)
    }

    /// Records a message.
    pub(crate) fn message(&self, generation: u64, mut message: Message) {
        let masked = match self.mask().apply(&message.text) {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        };
        if let Some(masked) = masked {
            message.text = masked;
        }
        self.push(generation, Content::Message(message));
    }

    /// Records what happened to the connection.
    pub(crate) fn note(&self, generation: u64, mut note: Note) {
        note.text = self.masked(&note.text);
        self.push(generation, Content::Note(note));
    }

    /// Records something that belongs to no connection.
    pub(crate) fn note_beside(&self, note: Note) {
        self.note(BESIDE, note);
    }

    /// Records the start of an exchange, and returns the number of its entry.
    pub(crate) fn exchange(&self, generation: u64, exchange: Exchange) -> Option<u64> {
        self.push(generation, Content::Http(Box::new(exchange)))
    }

    /// Changes an exchange. `change` returns whether its row changes.
    pub(crate) fn update_exchange(
        &self,
        generation: u64,
        seq: u64,
        change: impl FnOnce(&mut Exchange) -> bool,
    ) {
        let mut inner = lock(&self.inner);
        let Some(entry) = inner.timeline.update(seq, change) else {
            return;
        };
        self.events.send(&entry.to_event());
        let ended = match &entry.content {
            Content::Http(exchange) if exchange.ended && exchange.signs_in() => {
                Some(exchange.clone())
            }
            _ => None,
        };
        if let Some(exchange) = ended
            && inner.generation == generation
        {
            inner.sign_in.exchange(now(), &exchange);
            self.send(json!({ "type": "sign_in_log" }));
        }
    }

    /// Records a step of a sign-in.
    pub(crate) fn sign_in_step(&self, generation: u64, step: Step) {
        let mut inner = lock(&self.inner);
        if inner.generation == generation {
            inner.sign_in.step(now(), step);
            self.send(json!({ "type": "sign_in_log" }));
        }
    }

    /// The log of sign-ins, as JSON.
    pub(crate) fn sign_in_log(&self) -> serde_json::Value {
        json!(lock(&self.inner).sign_in.items())
    }

    /// Reads the timeline.
    pub(crate) fn read_timeline<T>(&self, read: impl FnOnce(&Timeline) -> T) -> T {
        read(&lock(&self.inner).timeline)
    }

    pub(crate) fn clear_timeline(&self) {
        lock(&self.inner).timeline.clear();
        self.send(json!({ "type": "cleared" }));
    }
}
