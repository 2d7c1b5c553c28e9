//! The protocol between a stream and the event log that stores it.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use serde::Deserialize;

use super::{Event, EventStream, State};
use crate::{EventLog, RequestId, SessionId};

/// The events and the state of a stream that its log has not stored.
#[derive(Clone, Debug)]
pub struct UnstoredEvents {
    /// The session of the stream.
    pub session: SessionId,
    /// The stream's number in the session.
    pub number: u64,
    /// Events to add, oldest first.
    pub events: Vec<Event>,
    /// Events that the log may delete.
    pub dropped: Vec<u64>,
    /// The requests without a response.
    pub owed: Vec<RequestId>,
    /// The newest event that a reader has received.
    pub given: u64,
    /// Whether the stream is complete.
    pub ended: bool,
    /// Whether the stream lasts as long as its session, and has no requests to respond to.
    pub endless: bool,
    /// The newest event of the stream.
    last: u64,
}

/// The state that a stream holds for its log.
pub(super) struct Journal {
    log: Arc<dyn EventLog>,
    stream: Weak<EventStream>,
    session: SessionId,
    number: u64,
    /// The requests without a response.
    owed: Vec<RequestId>,
    /// Whether the log needs the readers' progress, because the stream has no end.
    follows_readers: bool,
    /// The newest event that the log has taken.
    taken: u64,
    /// The newest event that the log has stored.
    pub(super) stored: u64,
    /// Whether the log has recorded the stream, so that a client may learn its id.
    pub(super) known: bool,
    /// Whether the log has a notice, and has not taken the events yet.
    notified: bool,
    /// Events that the log has taken and may delete.
    dropped: Vec<u64>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("number", &self.number)
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

/// A log to notify, and the stream that changed. To be sent after the stream's lock is released.
pub(super) type Notice = (Arc<dyn EventLog>, Arc<EventStream>);

impl Journal {
    /// Records a change. Returns a notice for the log unless it already has one.
    pub(super) fn note(&mut self) -> Option<Notice> {
        if std::mem::replace(&mut self.notified, true) {
            return None;
        }
        Some((self.log.clone(), self.stream.upgrade()?))
    }

    /// Records that a response was appended.
    pub(super) fn answered(&mut self, response: &Bytes) {
        answered(&mut self.owed, response);
    }

    /// Records that the stream dropped an event.
    pub(super) fn drop_event(&mut self, seq: u64) {
        if seq <= self.taken {
            self.dropped.push(seq);
        }
    }

    /// Records that a reader has received all events.
    pub(super) fn all_given(&mut self) -> Option<Notice> {
        self.follows_readers.then(|| self.note())?
    }
}

/// Removes the request of `response` from the requests without a response.
fn answered(owed: &mut Vec<RequestId>, response: &Bytes) {
    #[derive(Deserialize)]
    struct Response {
        id: RequestId,
    }
    if owed.len() <= 1 {
        owed.clear();
    } else if let Ok(Response { id }) = serde_json::from_slice(response) {
        owed.retain(|request| *request != id);
    }
}

impl EventStream {
    /// Makes `log` store the stream from now on, as stream `number` of `session`. `owed` are the
    /// requests that the stream responds to. Responses that it already has count.
    ///
    /// A stream without pending requests and events is stored only once it has an event.
    pub fn store_in(
        self: &Arc<Self>,
        log: Arc<dyn EventLog>,
        session: SessionId,
        number: u64,
        mut owed: Vec<RequestId>,
    ) {
        let mut state = self.lock();
        if state.journal.is_some() {
            return;
        }
        let follows_readers = owed.is_empty();
        for event in state.log.iter().filter(|event| event.answer) {
            answered(&mut owed, &event.data);
        }
        let owes = !owed.is_empty();
        let stored = state.from_log;
        let mut journal = Journal {
            log,
            stream: Arc::downgrade(self),
            session,
            number,
            owed,
            follows_readers,
            taken: stored,
            stored,
            known: !owes,
            notified: false,
            dropped: Vec::new(),
        };
        let notice = if owes || state.last > stored {
            journal.known = false;
            journal.note()
        } else {
            None
        };
        state.journal = Some(Box::new(journal));
        drop(state);
        send(notice);
    }

    /// Disconnects the stream from its log. The stream continues for its reader.
    pub fn stop_storing(&self) {
        let mut state = self.lock();
        state.journal = None;
        super::wake(state);
    }

    /// Takes the events that the log has not stored. Returns `None` if no log stores the stream.
    ///
    /// The log must call [`EventStream::mark_stored`] when it has stored them, or cannot store them.
    pub fn take_unstored(&self) -> Option<UnstoredEvents> {
        let mut state = self.lock();
        let State {
            journal,
            log,
            given,
            ended,
            last,
            ..
        } = &mut *state;
        let journal = journal.as_mut()?;
        journal.notified = false;
        let events = log.iter().filter(|event| event.seq > journal.taken);
        let events = events.cloned().collect();
        journal.taken = *last;
        Some(UnstoredEvents {
            session: journal.session,
            number: journal.number,
            events,
            dropped: std::mem::take(&mut journal.dropped),
            owed: if *ended {
                Vec::new()
            } else {
                journal.owed.clone()
            },
            given: *given,
            ended: *ended,
            endless: journal.follows_readers,
            last: *last,
        })
    }

    /// Records that the log has stored `events`, or never will. Readers receive them from now on.
    pub fn mark_stored(&self, events: &UnstoredEvents) {
        let mut state = self.lock();
        if let Some(journal) = &mut state.journal {
            journal.stored = journal.stored.max(events.last);
            journal.known = true;
        }
        super::wake(state);
    }
}

/// Sends a notice. The stream must not be locked, because the log may take the events at once.
pub(super) fn send(notice: Option<Notice>) {
    if let Some((log, stream)) = notice {
        log.changed(stream);
    }
}
