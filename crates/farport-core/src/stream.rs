//! Event streams: bounded logs of the messages for a client, which a reader follows and can resume.

mod budget;
mod journal;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

pub use budget::{EventAccount, EventBudget};
pub use journal::UnstoredEvents;
use journal::{Journal, Notice};

use crate::StoredStream;

/// Limits on the events that a stream holds for a slow or disconnected reader.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// The maximum number of events.
    pub events: usize,
    /// The maximum total size in bytes. The last event is never dropped, whatever its size.
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
    /// The number of the event in the stream, from 1.
    pub seq: u64,
    /// The JSON-RPC message.
    pub data: Bytes,
    /// Whether it is the response to a request.
    pub answer: bool,
}

/// A reader's position in a stream. Only the newest reader receives events. For an older one the stream
/// ends, so a client with a dead connection can reconnect at once.
#[derive(Debug)]
pub struct Reader {
    ticket: u64,
    after: u64,
}

impl Reader {
    /// Returns the number of the last event that the reader received, or 0 at the start.
    pub fn after(&self) -> u64 {
        self.after
    }
}

/// The shape of the response to a call.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseShape {
    /// The stream ended with a single message, so the response can be a JSON body.
    Single(Bytes),
    /// The stream ended without a message.
    Empty,
    /// The response is an event stream.
    Stream,
}

/// A bounded log of the events of one stream. Writers never wait: at a limit, the stream drops its oldest
/// event, except responses that no reader has received.
///
/// A reader reaches the end of the stream after it has received all events.
///
/// An [`EventLog`](crate::EventLog) can store the stream ([`EventStream::store_in`]). Readers then
/// receive only events that the log has stored.
///
/// ```
/// use farport_core::{EventStream, ResponseShape, StreamLimits};
/// use futures_util::{FutureExt, future::poll_fn};
///
/// let stream = EventStream::new(StreamLimits::default());
/// stream.finish(Some("{}".into()));
/// let shape = poll_fn(|cx| stream.poll_shape(cx)).now_or_never();
/// assert_eq!(shape, Some(ResponseShape::Single("{}".into())));
/// ```
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
    /// The newest event that a reader has received.
    given: u64,
    ended: bool,
    /// The last event for the current reader, after a call to `detach`.
    detached: Option<u64>,
    ticket: u64,
    waker: Option<Waker>,
    /// The newest event that was read from a log.
    from_log: u64,
    journal: Option<Box<Journal>>,
    account: Option<EventAccount>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = &state.account {
            account.remove(state.bytes);
        }
    }
}

/// The factor by which responses may exceed the limits before the reader counts as too slow.
const OVERRUN: usize = 8;

impl EventStream {
    /// Creates an empty stream.
    pub fn new(limits: StreamLimits) -> Self {
        Self {
            state: Mutex::default(),
            limits,
        }
    }

    /// Creates a stream that continues `stored`. New events are numbered after `last`, or after the
    /// last stored event if that is greater.
    pub fn resumed(limits: StreamLimits, stored: StoredStream, last: u64) -> Self {
        let newest = stored.events.last().map_or(0, |event| event.seq);
        let state = State {
            bytes: stored.events.iter().map(|event| event.data.len()).sum(),
            log: stored.events.into(),
            last: last.max(newest),
            from_log: last.max(newest),
            given: stored.given,
            ended: stored.ended,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            limits,
        }
    }

    /// Counts the stream's bytes on `account`. A stream has one account; later calls have no effect.
    pub fn count_for(&self, account: &EventAccount) {
        let mut state = self.lock();
        if state.account.is_none() {
            account.add(state.bytes);
            state.account = Some(account.clone());
        }
    }

    /// Appends a message. Returns false, and drops the message, if the stream has ended.
    pub fn push(&self, data: Bytes) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        self.append(&mut state, data, false);
        announce(state);
        true
    }

    /// Appends a response. Returns false if the waiting responses exceed the limits by far, because the
    /// reader is too slow.
    pub fn answer(&self, data: Bytes) -> bool {
        let mut state = self.lock();
        if state.ended {
            return true;
        }
        self.append(&mut state, data, true);
        let fits = state.log.len() <= self.limits.events.saturating_mul(OVERRUN)
            && state.bytes <= self.limits.bytes.saturating_mul(OVERRUN);
        announce(state);
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
        announce(state);
    }

    /// Appends an event that another process wrote to the stream. It keeps its number.
    pub fn copy(&self, event: Event) {
        let mut state = self.lock();
        if state.ended || event.seq <= state.last {
            return;
        }
        state.last = event.seq - 1;
        self.append(&mut state, event.data, event.answer);
        announce(state);
    }

    /// Ends the stream for the current reader only. The next reader continues.
    pub fn detach(&self) {
        let mut state = self.lock();
        state.detached = Some(state.last);
        wake(state);
    }

    /// Reports whether the stream is complete.
    pub fn is_finished(&self) -> bool {
        self.lock().ended
    }

    /// Creates a reader, which replaces the current one. It receives the events after event `after`, or
    /// without `after`, those that no reader has received.
    pub fn attach(&self, after: Option<u64>) -> Reader {
        let mut state = self.lock();
        // A later number is from an earlier process that served the stream.
        let after = after.unwrap_or(state.given).min(state.last);
        // The handler may detach before the first reader attaches. This then ends the first reader.
        state.detached = state.detached.filter(|_| state.ticket == 0);
        state.ticket += 1;
        let ticket = state.ticket;
        wake(state);
        Reader { ticket, after }
    }

    /// Polls for the next event for `reader`. Returns `None` at the end, or if another reader replaced
    /// this one.
    pub fn poll_next(&self, reader: &mut Reader, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.lock();
        if state.ticket != reader.ticket {
            return Poll::Ready(None);
        }
        // Events may have been dropped at a limit. Continue with the oldest one left.
        let index = state.log.partition_point(|event| event.seq <= reader.after);
        let event = state.log.get(index);
        let last = state.detached.unwrap_or(u64::MAX);
        if let Some(event) = event.filter(|event| event.seq <= last).cloned() {
            let journal = state.journal.as_ref();
            if journal.is_some_and(|journal| event.seq > journal.stored) {
                park(&mut state, cx);
                return Poll::Pending;
            }
            reader.after = event.seq;
            if event.seq > state.given {
                state.given = event.seq;
                let notice = all_given(&mut state);
                drop(state);
                journal::send(notice);
            }
            return Poll::Ready(Some(event));
        }
        if state.ended || state.detached.is_some() {
            return Poll::Ready(None);
        }
        park(&mut state, cx);
        Poll::Pending
    }

    /// Ready when a client may learn the stream's id: at once, or when the stream's log has recorded
    /// the stream.
    pub fn poll_known(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.journal.as_ref().is_none_or(|journal| journal.known) {
            return Poll::Ready(());
        }
        park(&mut state, cx);
        Poll::Pending
    }

    /// Returns the number of the newest event.
    pub fn last(&self) -> u64 {
        self.lock().last
    }

    /// Ready when the stream shows whether the response is a single message or a stream.
    pub fn poll_shape(&self, cx: &mut Context<'_>) -> Poll<ResponseShape> {
        let mut state = self.lock();
        match (state.ended, state.log.front()) {
            (true, Some(event)) if state.last == 1 && state.detached.is_none() => {
                Poll::Ready(ResponseShape::Single(event.data.clone()))
            }
            (true, None) if state.detached.is_none() => Poll::Ready(ResponseShape::Empty),
            (false, None) if state.detached.is_none() => {
                park(&mut state, cx);
                Poll::Pending
            }
            _ => Poll::Ready(ResponseShape::Stream),
        }
    }

    fn append(&self, state: &mut State, data: Bytes, answer: bool) {
        state.last += 1;
        state.bytes += data.len();
        if let Some(account) = &state.account {
            account.add(data.len());
        }
        let over = state.account.as_ref().is_some_and(EventAccount::is_over);
        if let Some(journal) = state.journal.as_mut().filter(|_| answer) {
            journal.answered(&data);
        }
        state.log.push_back(Event {
            seq: state.last,
            data,
            answer,
        });
        while state.log.len() > self.limits.events.max(1)
            || ((over || state.bytes > self.limits.bytes) && state.log.len() > 1)
        {
            let (given, last) = (state.given, state.last);
            let can_drop =
                |event: &Event| event.seq != last && (!event.answer || event.seq <= given);
            let Some(event) = state
                .log
                .iter()
                .position(can_drop)
                .and_then(|index| state.log.remove(index))
            else {
                break;
            };
            state.bytes -= event.data.len();
            if let Some(account) = &state.account {
                account.remove(event.data.len());
            }
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

/// Returns a notice for the log if a reader has received all events.
fn all_given(state: &mut State) -> Option<Notice> {
    let all = state.given == state.last;
    state.journal.as_mut().filter(|_| all)?.all_given()
}

/// Wakes the reader and notifies the log.
fn announce(mut state: MutexGuard<'_, State>) {
    let notice = state.journal.as_mut().and_then(|journal| journal.note());
    wake(state);
    journal::send(notice);
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
    fn a_reader_receives_all_events_then_the_end() {
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
    fn a_new_reader_receives_missed_events_and_replaces_the_old_one() {
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
    fn a_detached_reader_ends_and_the_next_one_continues() {
        let stream = EventStream::new(StreamLimits::default());
        let mut reader = stream.attach(None);
        stream.detach();
        assert_eq!(drain(&stream, &mut reader), (vec![], true));
        let mut back = stream.attach(None);
        stream.finish(Some(data("result")));
        assert_eq!(drain(&stream, &mut back), (vec![1], true));
    }

    #[test]
    fn a_stream_detached_before_the_first_reader_ends_that_reader() {
        let stream = EventStream::new(StreamLimits::default());
        stream.detach();
        stream.finish(Some(data("result")));
        let mut first = stream.attach(None);
        assert_eq!(drain(&stream, &mut first), (vec![], true));
        assert_eq!(drain(&stream, &mut stream.attach(None)), (vec![1], true));
    }

    #[test]
    fn the_oldest_events_are_dropped_first_and_the_last_one_never() {
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
    fn a_reader_without_a_position_receives_undelivered_events() {
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("a"));
        let mut first = stream.attach(None);
        assert_eq!(drain(&stream, &mut first), (vec![1], false));
        stream.push(data("b"));
        let mut second = stream.attach(None);
        assert_eq!(second.after(), 1);
        assert_eq!(drain(&stream, &mut second), (vec![2], false));
        // A reader with a position does not change what the next one receives.
        assert_eq!(
            drain(&stream, &mut stream.attach(Some(0))),
            (vec![1, 2], false)
        );
        assert_eq!(drain(&stream, &mut stream.attach(None)), (vec![], false));
    }

    #[test]
    fn a_position_after_the_last_event_counts_as_the_last_event() {
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("a"));
        let mut reader = stream.attach(Some(u64::MAX));
        assert_eq!(drain(&stream, &mut reader), (vec![], false));
        stream.push(data("b"));
        assert_eq!(drain(&stream, &mut reader), (vec![2], false));
    }

    #[test]
    fn a_response_stays_until_a_reader_has_received_it() {
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
    fn a_single_message_is_not_a_stream() {
        let shape = |stream: &EventStream| {
            futures_util::FutureExt::now_or_never(poll_fn(|cx| stream.poll_shape(cx)))
        };
        let stream = EventStream::new(StreamLimits::default());
        assert_eq!(shape(&stream), None);
        stream.finish(Some(data("r")));
        assert_eq!(shape(&stream), Some(ResponseShape::Single(data("r"))));
        let stream = EventStream::new(StreamLimits::default());
        stream.push(data("note"));
        assert_eq!(shape(&stream), Some(ResponseShape::Stream));
        let stream = EventStream::new(StreamLimits::default());
        stream.finish(None);
        assert_eq!(shape(&stream), Some(ResponseShape::Empty));
        let stream = EventStream::new(StreamLimits::default());
        stream.detach();
        assert_eq!(shape(&stream), Some(ResponseShape::Stream));
    }
}
