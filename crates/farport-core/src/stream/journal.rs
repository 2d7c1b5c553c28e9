//! How a stream and the log that keeps it agree on what is kept.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use serde::Deserialize;

use super::{Event, EventStream, State};
use crate::{EventLog, RequestId, SessionId};

/// What a log does not have of a stream yet.
#[derive(Clone, Debug)]
pub struct Unkept {
    /// The session it belongs to.
    pub session: SessionId,
    /// Its number in the session.
    pub number: u64,
    /// Events to add, oldest first.
    pub events: Vec<Event>,
    /// Events that the log may let go.
    pub dropped: Vec<u64>,
    /// The requests that it still owes answers.
    pub owed: Vec<RequestId>,
    /// The newest event that a reader was given.
    pub given: u64,
    /// Whether nothing more will be said on it.
    pub ended: bool,
    /// Whether it is there for as long as its session is, and owes nobody an answer.
    pub endless: bool,
    /// The newest event of the stream.
    last: u64,
}

/// What a stream knows of the log that keeps it.
pub(super) struct Journal {
    log: Arc<dyn EventLog>,
    stream: Weak<EventStream>,
    session: SessionId,
    number: u64,
    /// The requests that are not answered yet.
    owed: Vec<RequestId>,
    /// Whether the log wants to know how far readers are: there is no end to tell it from.
    follows_readers: bool,
    /// The newest event that the log has been handed.
    handed: u64,
    /// The newest event that the log has.
    pub(super) kept: u64,
    /// Whether the log knows of the stream, so that a client may hear of it.
    pub(super) known: bool,
    /// Whether the log has been told that there are news, and has not asked for them yet.
    told: bool,
    /// Events that the log has been handed, and need not keep any longer.
    dropped: Vec<u64>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("number", &self.number)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

/// A log to be told of a stream's news, once the stream is not locked any more.
pub(super) type News = (Arc<dyn EventLog>, Arc<EventStream>);

impl Journal {
    /// Notes that there are news. Whom to tell, when nobody has been told yet.
    pub(super) fn note(&mut self) -> Option<News> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some((self.log.clone(), self.stream.upgrade()?))
    }

    /// Notes that an answer was appended.
    pub(super) fn answered(&mut self, answer: &Bytes) {
        answered(&mut self.owed, answer);
    }

    /// Notes that an event is not in the stream any more.
    pub(super) fn drop_event(&mut self, seq: u64) {
        if seq <= self.handed {
            self.dropped.push(seq);
        }
    }

    /// Notes that a reader has seen everything.
    pub(super) fn all_given(&mut self) -> Option<News> {
        self.follows_readers.then(|| self.note())?
    }
}

/// Takes the request that `answer` answers off those that are owed one.
fn answered(owed: &mut Vec<RequestId>, answer: &Bytes) {
    #[derive(Deserialize)]
    struct Answer {
        id: RequestId,
    }
    if owed.len() <= 1 {
        owed.clear();
    } else if let Ok(Answer { id }) = serde_json::from_slice(answer) {
        owed.retain(|request| *request != id);
    }
}

impl EventStream {
    /// Has `log` keep the stream from now on, as number `number` of `session`. Until it is ended,
    /// the stream owes answers to the requests `owed`; answers that are there already count.
    ///
    /// A stream that owes nothing and has said nothing is not in need of being kept yet.
    pub fn keep_in(
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
        let kept = state.from_log;
        let mut journal = Journal {
            log,
            stream: Arc::downgrade(self),
            session,
            number,
            owed,
            follows_readers,
            handed: kept,
            kept,
            known: !owes,
            told: false,
            dropped: Vec::new(),
        };
        let news = if owes || state.last > kept {
            journal.known = false;
            journal.note()
        } else {
            None
        };
        state.journal = Some(Box::new(journal));
        drop(state);
        tell(news);
    }

    /// Has no log keep the stream any longer. It goes on for its reader.
    pub fn let_go(&self) {
        let mut state = self.lock();
        state.journal = None;
        super::wake(state);
    }

    /// What the log does not have yet. `None` when no log keeps the stream.
    ///
    /// Whoever asks has to say when the log has it, or that it cannot have it, with
    /// [`EventStream::kept`].
    pub fn unkept(&self) -> Option<Unkept> {
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
        journal.told = false;
        let events = log.iter().filter(|event| event.seq > journal.handed);
        let events = events.cloned().collect();
        journal.handed = *last;
        Some(Unkept {
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

    /// The log has what it was handed, or will never have it. From now on readers are shown it.
    pub fn kept(&self, unkept: &Unkept) {
        let mut state = self.lock();
        if let Some(journal) = &mut state.journal {
            journal.kept = journal.kept.max(unkept.last);
            journal.known = true;
        }
        super::wake(state);
    }
}

/// Tells a log of a stream's news. The stream must not be locked: the log may ask for them at once.
pub(super) fn tell(news: Option<News>) {
    if let Some((log, stream)) = news {
        log.changed(stream);
    }
}
