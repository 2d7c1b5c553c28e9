//! Streams that an event log stores: what readers receive, and what the log takes.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use farport_core::{
    EventLog, EventStream, RequestId, SessionId, Stored, StoredStream, StreamLimits, Timestamp,
    UnstoredEvents,
};
use futures_util::{FutureExt, future::poll_fn};

/// A log that stores events only when a test does it.
#[derive(Default)]
struct ManualLog {
    notices: Mutex<Vec<Arc<EventStream>>>,
}

impl EventLog for ManualLog {
    fn changed(&self, stream: Arc<EventStream>) {
        self.notices.lock().unwrap().push(stream);
    }

    fn read(&self, _: SessionId, _: u64, _: u64) -> Stored<'_, Option<StoredStream>> {
        Stored::ready(None)
    }

    fn forget(&self, _: SessionId, _: u64) {}

    fn tidy(&self, _: Timestamp, _: std::time::Duration) -> Stored<'_, ()> {
        Stored::ready(())
    }
}

impl ManualLog {
    /// Takes the events, without marking them as stored.
    fn take(&self) -> UnstoredEvents {
        let mut notices = std::mem::take(&mut *self.notices.lock().unwrap());
        assert_eq!(
            notices.len(),
            1,
            "one notice until the log takes the events"
        );
        notices.remove(0).take_unstored().unwrap()
    }

    fn has_notice(&self) -> bool {
        !self.notices.lock().unwrap().is_empty()
    }
}

fn data(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn seqs(unstored: &UnstoredEvents) -> Vec<u64> {
    unstored.events.iter().map(|event| event.seq).collect()
}

const SESSION: SessionId = SessionId::from_bytes([7; 16]);

fn stored_by(log: &Arc<ManualLog>, limits: StreamLimits, owed: Vec<RequestId>) -> Arc<EventStream> {
    let stream = Arc::new(EventStream::new(limits));
    stream.store_in(log.clone(), SESSION, 3, owed);
    stream
}

/// Returns the events that a new reader receives now, and whether the stream ends for it.
fn received(stream: &EventStream) -> (Vec<u64>, bool) {
    let mut reader = stream.attach(Some(0));
    let mut seen = Vec::new();
    loop {
        match poll_fn(|cx| stream.poll_next(&mut reader, cx)).now_or_never() {
            Some(Some(event)) => seen.push(event.seq),
            Some(None) => return (seen, true),
            None => return (seen, false),
        }
    }
}

#[test]
fn a_reader_receives_only_stored_events() {
    let log = Arc::new(ManualLog::default());
    let stream = stored_by(&log, StreamLimits::default(), vec![RequestId::Integer(1)]);
    let known = || poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some();
    assert!(!known());
    let first = log.take();
    assert_eq!((first.number, seqs(&first)), (3, vec![]));
    stream.push(data("a"));
    stream.mark_stored(&first);
    assert!(known());
    assert_eq!(received(&stream), (vec![], false));
    let second = log.take();
    stream.finish(Some(data("b")));
    stream.mark_stored(&second);
    assert_eq!(
        received(&stream),
        (vec![1], false),
        "the end is not stored yet"
    );
    let third = log.take();
    assert_eq!((seqs(&third), third.ended), (vec![2], true));
    assert!(second.owed.len() == 1 && third.owed.is_empty());
    stream.mark_stored(&third);
    assert_eq!(received(&stream), (vec![1, 2], true));
}

#[test]
fn the_limits_of_the_stream_bound_how_far_a_log_falls_behind() {
    let log = Arc::new(ManualLog::default());
    let limits = StreamLimits {
        events: 3,
        bytes: 1000,
    };
    let stream = stored_by(&log, limits, vec![RequestId::Integer(1)]);
    for _ in 0..100 {
        stream.push(data("x"));
    }
    let first = log.take();
    assert_eq!(seqs(&first), [98, 99, 100]);
    assert!(first.dropped.is_empty(), "the log never took those");
    stream.push(data("x"));
    stream.push(data("x"));
    stream.mark_stored(&first);
    let second = log.take();
    assert_eq!(
        (seqs(&second), second.dropped),
        (vec![101, 102], vec![98, 99])
    );
}

#[test]
fn a_stream_without_its_log_delivers_at_once() {
    let log = Arc::new(ManualLog::default());
    let stream = stored_by(&log, StreamLimits::default(), vec![RequestId::Integer(1)]);
    stream.push(data("a"));
    assert_eq!(received(&stream), (vec![], false));
    stream.stop_storing();
    assert_eq!(received(&stream), (vec![1], false));
    assert!(poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some());
    let notified = log.notices.lock().unwrap().pop().unwrap();
    assert!(notified.take_unstored().is_none());
}

#[test]
fn events_from_before_the_log_are_stored_too() {
    let log = Arc::new(ManualLog::default());
    let stream = Arc::new(EventStream::new(StreamLimits::default()));
    stream.push(data("a"));
    stream.answer(data(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#));
    let owed = [1, 2, 3].map(RequestId::Integer).to_vec();
    stream.store_in(log.clone(), SESSION, 3, owed);
    let first = log.take();
    assert_eq!(seqs(&first), [1, 2]);
    assert_eq!(first.owed, [1, 3].map(RequestId::Integer));
}

#[test]
fn a_session_s_own_stream_is_stored_from_its_first_event() {
    let log = Arc::new(ManualLog::default());
    let stream = stored_by(&log, StreamLimits::default(), Vec::new());
    assert!(!log.has_notice());
    assert!(poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some());
    stream.push(data("a"));
    let first = log.take();
    assert!(first.endless && first.given == 0);
    stream.mark_stored(&first);
    assert_eq!(received(&stream).0, [1]);
    let second = log.take();
    assert_eq!(
        (seqs(&second), second.given),
        (vec![], 1),
        "the readers' progress"
    );
}

#[test]
fn a_resumed_stream_continues_with_new_numbers() {
    let log = Arc::new(ManualLog::default());
    let before = Arc::new(EventStream::new(StreamLimits::default()));
    before.push(data("a"));
    before.store_in(log.clone(), SESSION, 0, Vec::new());
    let stored = StoredStream {
        events: log.take().events,
        given: 1,
        ended: false,
    };
    let stream = Arc::new(EventStream::resumed(StreamLimits::default(), stored, 1000));
    stream.store_in(log.clone(), SESSION, 0, Vec::new());
    assert!(!log.has_notice(), "the log has all events");
    assert_eq!(received(&stream), (vec![1], false));
    stream.push(data("b"));
    let unstored = log.take();
    assert_eq!(seqs(&unstored), [1001]);
    stream.mark_stored(&unstored);
    assert_eq!(
        stream.attach(None).after(),
        1,
        "the first undelivered event"
    );
    assert_eq!(received(&stream), (vec![1, 1001], false));
}
