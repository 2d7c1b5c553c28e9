//! What a server sends on one stream: a bounded log that a reader follows and can come back to.

mod journal;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

pub use journal::Unkept;
use journal::{Journal, News};

use crate::KeptStream;

/// How much of a stream is kept for a reader that is slow or away.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// The most events kept.
    pub events: usize,
    /// The most bytes kept. The last event is kept whatever its size.
    pub bytes: usize,
}

impl Default for StreamLimits {
    /// 256 events, 1 MiB.
    fn default() -> Self {
        Self {
            events: 256,
            bytes: 1 << 20,
        }
    }
}

/// A message on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number in the stream, from 1.
    pub seq: u64,
    /// The JSON-RPC message.
    pub data: Bytes,
    /// Whether somebody is owed it: it answers a request.
    pub answer: bool,
}

/// Where a reader is in a stream. Only the newest reader of a stream is served; an older one is
/// told that the stream has ended, so that a client whose connection died can come back at once.
#[derive(Debug)]
pub struct Reader {
    ticket: u64,
    after: u64,
}

impl Reader {
    /// The event after which the reader goes on; 0 at the start.
    pub fn after(&self) -> u64 {
        self.after
    }
}

/// How a call's first sign of life looks.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// It ended with this and nothing else: a JSON body will do.
    Only(Bytes),
    /// It ended without a message.
    Nothing,
    /// There is more to come: the answer is a stream.
    Stream,
}

/// The log of one stream. Writers never wait: when the bounds are reached, the oldest event goes,
/// yet no answer before a reader was given it.
///
/// The end of the stream is told to the reader once it has seen everything before it.
///
/// A stream may have an [`EventLog`](crate::EventLog) keep it ([`EventStream::keep_in`]); then its
/// reader is shown what the log has.
#[derive(Debug)]
pub struct EventStream {
    state: Mutex<State>,
    limits: StreamLimits,
}

#[derive(Debug, Default)]
struct State {
    log: VecDeque<Event>,
    bytes: usize,
    last: u64,
    /// The newest event that any reader was given.
    given: u64,
    ended: bool,
    /// The last event that the present reader still gets, once it has been sent away.
    detached: Option<u64>,
    ticket: u64,
    waker: Option<Waker>,
    /// The newest event that came from a log.
    from_log: u64,
    journal: Option<Box<Journal>>,
}

/// How many times the bounds the answers on a stream may be before its reader is too slow.
const OVERRUN: usize = 8;

impl EventStream {
    /// An empty stream.
    pub fn new(limits: StreamLimits) -> Self {
        Self {
            state: Mutex::default(),
            limits,
        }
    }

    /// A stream that goes on where a log has kept it, with events that are numbered from after
    /// `last`, or after the last one there is if that is later.
    pub fn resumed(limits: StreamLimits, kept: KeptStream, last: u64) -> Self {
        let newest = kept.events.last().map_or(0, |event| event.seq);
        let state = State {
            bytes: kept.events.iter().map(|event| event.data.len()).sum(),
            log: kept.events.into(),
            last: last.max(newest),
            from_log: last.max(newest),
            given: kept.given,
            ended: kept.ended,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            limits,
        }
    }

    /// Appends a message. After the end it is dropped, and false comes back.
    pub fn push(&self, data: Bytes) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        self.append(&mut state, data, false);
        wake_and_tell(state);
        true
    }

    /// Appends an answer to a request. False when the answers that wait for a reader are many times
    /// what the stream may keep: whoever reads it is too slow to be served.
    pub fn answer(&self, data: Bytes) -> bool {
        let mut state = self.lock();
        if state.ended {
            return true;
        }
        self.append(&mut state, data, true);
        let fits = state.log.len() <= self.limits.events.saturating_mul(OVERRUN)
            && state.bytes <= self.limits.bytes.saturating_mul(OVERRUN);
        wake_and_tell(state);
        fits
    }

    /// Appends the last message, if there is one, and ends the stream.
    pub fn finish(&self, data: Option<Bytes>) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        if let Some(data) = data {
            self.append(&mut state, data, true);
        }
        state.ended = true;
        wake_and_tell(state);
    }

    /// Appends what another process has said on the stream, under the number it had there.
    pub fn copy(&self, event: Event) {
        let mut state = self.lock();
        if state.ended || event.seq <= state.last {
            return;
        }
        state.last = event.seq - 1;
        self.append(&mut state, event.data, event.answer);
        wake_and_tell(state);
    }

    /// Sends the present reader away; the stream goes on, for a reader that comes back.
    pub fn detach(&self) {
        let mut state = self.lock();
        state.detached = Some(state.last);
        wake(state);
    }

    /// Whether the last message has been appended.
    pub fn is_finished(&self) -> bool {
        self.lock().ended
    }

    /// A reader in place of the one there was: of what comes after event `after`, or, without one,
    /// of what nobody was given yet.
    pub fn attach(&self, after: Option<u64>) -> Reader {
        let mut state = self.lock();
        // An event that is still to come was one of an earlier life of the stream.
        let after = after.unwrap_or(state.given).min(state.last);
        // A handler may close before anybody has begun to read; then the first reader is sent away.
        state.detached = state.detached.filter(|_| state.ticket == 0);
        state.ticket += 1;
        let ticket = state.ticket;
        wake(state);
        Reader { ticket, after }
    }

    /// The next event for `reader`; `None` at the end, or when another reader took its place.
    pub fn poll_next(&self, reader: &mut Reader, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.lock();
        if state.ticket != reader.ticket {
            return Poll::Ready(None);
        }
        // Events that the bounds have pushed out are gone; go on with the oldest there is.
        let index = state.log.partition_point(|event| event.seq <= reader.after);
        let event = state.log.get(index);
        let last = state.detached.unwrap_or(u64::MAX);
        if let Some(event) = event.filter(|event| event.seq <= last).cloned() {
            let journal = state.journal.as_ref();
            if journal.is_some_and(|journal| event.seq > journal.kept) {
                park(&mut state, cx);
                return Poll::Pending;
            }
            reader.after = event.seq;
            if event.seq > state.given {
                state.given = event.seq;
                let news = all_given(&mut state);
                drop(state);
                journal::tell(news);
            }
            return Poll::Ready(Some(event));
        }
        if state.ended || state.detached.is_some() {
            return Poll::Ready(None);
        }
        park(&mut state, cx);
        Poll::Pending
    }

    /// Ready once a client may be told of the stream: at once, or when the log that keeps it knows
    /// of it.
    pub fn poll_known(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.journal.as_ref().is_none_or(|journal| journal.known) {
            return Poll::Ready(());
        }
        park(&mut state, cx);
        Poll::Pending
    }

    /// The newest event there is.
    pub fn last(&self) -> u64 {
        self.lock().last
    }

    /// Waits until it is clear whether the answer is one message or a stream.
    pub fn poll_first(&self, cx: &mut Context<'_>) -> Poll<First> {
        let mut state = self.lock();
        match (state.ended, state.log.front()) {
            (true, Some(event)) if state.last == 1 && state.detached.is_none() => {
                Poll::Ready(First::Only(event.data.clone()))
            }
            (true, None) if state.detached.is_none() => Poll::Ready(First::Nothing),
            (false, None) if state.detached.is_none() => {
                park(&mut state, cx);
                Poll::Pending
            }
            _ => Poll::Ready(First::Stream),
        }
    }

    fn append(&self, state: &mut State, data: Bytes, answer: bool) {
        state.last += 1;
        state.bytes += data.len();
        if let Some(journal) = state.journal.as_mut().filter(|_| answer) {
            journal.answered(&data);
        }
        state.log.push_back(Event {
            seq: state.last,
            data,
            answer,
        });
        while state.log.len() > self.limits.events.max(1)
            || (state.bytes > self.limits.bytes && state.log.len() > 1)
        {
            let (given, last) = (state.given, state.last);
            let may_go = |event: &Event| event.seq != last && (!event.answer || event.seq <= given);
            let Some(event) = state
                .log
                .iter()
                .position(may_go)
                .and_then(|index| state.log.remove(index))
            else {
                break;
            };
            state.bytes -= event.data.len();
            if let Some(journal) = &mut state.journal {
                journal.drop_event(event.seq);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn park(state: &mut State, cx: &mut Context<'_>) {
    match &mut state.waker {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}

/// Whom to tell when a reader has seen everything.
fn all_given(state: &mut State) -> Option<News> {
    let seen = state.given == state.last;
    state.journal.as_mut().filter(|_| seen)?.all_given()
}

fn wake_and_tell(mut state: MutexGuard<'_, State>) {
    let news = state.journal.as_mut().and_then(|journal| journal.note());
    wake(state);
    journal::tell(news);
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{future::poll_fn, task::noop_waker};

    use super::*;

    fn drain(stream: &EventStream, reader: &mut Reader) -> (Vec<u64>, bool) {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut seen = Vec::new();
        loop {
            match stream.poll_next(reader, &mut cx) {
                Poll::Ready(Some(event)) => seen.push(event.seq),
                Poll::Ready(None) => return (seen, true),
                Poll::Pending => return (seen, false),
            }
        }
    }

    fn data(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_reader_sees_everything_then_the_end() {
        let stream = EventStream::new(StreamLimits::default());
        let mut reader = stream.attach(None);
        assert!(stream.push(data("a")));
        assert_eq!(drain(&stream, &mut reader), (vec![1], false));
        stream.push(data("b"));
        stream.finish(Some(data("c")));
        assert!(!stream.push(data("late")));
        assert_eq!(drain(&stream, &mut reader), (vec![2, 3], true));
    }

    #[test]
    fn a_reader_that_comes_back_gets_what_it_missed_and_replaces_the_old_one() {
        let stream = EventStream::new(StreamLimits::default());
        let mut old = stream.attach(None);
        for text in ["a", "b", "c"] {
            stream.push(data(text));
        }
        let mut new = stream.attach(Some(1));
        assert_eq!(drain(&stream, &mut old), (vec![], true));
        assert_eq!(drain(&stream, &mut new), (vec![2, 3], false));
    }

    #[test]
    fn a_detached_reader_ends_and_the_next_one_goes_on() {
        let stream = EventStream::new(StreamLimits::default());
        let mut reader = stream.attach(None);
        stream.detach();
        assert_eq!(drain(&stream, &mut reader), (vec![], true));
        let mut back = stream.attach(None);
        stream.finish(Some(data("result")));
        assert_eq!(drain(&stream, &mut back), (vec![1], true));
    }

    #[test]
    fn a_stream_closed_before_it_was_read_sends_its_first_reader_away() {
        let stream = EventStream::new(StreamLimits::default());
        stream.detach();
        stream.finish(Some(data("result")));
        let mut first = stream.attach(None);
        assert_eq!(drain(&stream, &mut first), (vec![], true));
        assert_eq!(drain(&stream, &mut stream.attach(None)), (vec![1], true));
    }

    #[test]
    fn the_oldest_events_go_first_and_the_last_one_stays() {
        let stream = EventStream::new(StreamLimits {
            events: 3,
            bytes: 5,
        });
        for _ in 0..10 {
            stream.push(data("x"));
        }
        assert_eq!(
            drain(&stream, &mut stream.attach(None)),
            (vec![8, 9, 10], false)
        );
        stream.push(data("far too long"));
        assert_eq!(drain(&stream, &mut stream.attach(None)), (vec![11], false));
    }

    #[test]
    fn a_reader_without_a_place_gets_what_nobody_was_given() {
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("a"));
        let mut first = stream.attach(None);
        assert_eq!(drain(&stream, &mut first), (vec![1], false));
        stream.push(data("b"));
        let mut second = stream.attach(None);
        assert_eq!(second.after(), 1);
        assert_eq!(drain(&stream, &mut second), (vec![2], false));
        // Coming back for more changes nothing for the next one.
        assert_eq!(
            drain(&stream, &mut stream.attach(Some(0))),
            (vec![1, 2], false)
        );
        assert_eq!(drain(&stream, &mut stream.attach(None)), (vec![], false));
    }

    #[test]
    fn a_place_that_is_still_to_come_is_the_end_of_what_there_is() {
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("a"));
        let mut reader = stream.attach(Some(u64::MAX));
        assert_eq!(drain(&stream, &mut reader), (vec![], false));
        stream.push(data("b"));
        assert_eq!(drain(&stream, &mut reader), (vec![2], false));
    }

    #[test]
    fn an_answer_stays_until_it_was_given_to_somebody() {
        let limits = StreamLimits {
            events: 3,
            bytes: 1000,
        };
        let stream = EventStream::new(limits);
        let mut reader = stream.attach(None);
        assert!(stream.answer(data("one")));
        for _ in 0..10 {
            stream.push(data("x"));
        }
        assert!(stream.answer(data("two")));
        assert_eq!(drain(&stream, &mut reader), (vec![1, 11, 12], false));
        for _ in 0..3 {
            stream.push(data("x"));
        }
        assert_eq!(
            drain(&stream, &mut stream.attach(Some(0))),
            (vec![13, 14, 15], false)
        );
        let most = 3 * OVERRUN;
        let taken = (0..2 * most)
            .take_while(|_| stream.answer(data("a")))
            .count();
        assert_eq!(taken, most, "then the reader is too slow");
    }

    #[test]
    fn one_message_alone_is_no_stream() {
        let first = |stream: &EventStream| {
            futures_util::FutureExt::now_or_never(poll_fn(|cx| stream.poll_first(cx)))
        };
        let stream = EventStream::new(StreamLimits::default());
        assert_eq!(first(&stream), None);
        stream.finish(Some(data("r")));
        assert_eq!(first(&stream), Some(First::Only(data("r"))));
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("note"));
        assert_eq!(first(&stream), Some(First::Stream));
        let stream = EventStream::new(StreamLimits::default());
        stream.finish(None);
        assert_eq!(first(&stream), Some(First::Nothing));
        let stream = EventStream::new(StreamLimits::default());
        stream.detach();
        assert_eq!(first(&stream), Some(First::Stream));
    }
}
