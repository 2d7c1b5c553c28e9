//! Streams that a log keeps: what a reader is shown, and what the log is handed.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use farport_core::{
    EventLog, EventStream, KeptStream, RequestId, SessionId, Stored, StreamLimits, Timestamp,
    Unkept,
};
use futures_util::{FutureExt, future::poll_fn};

/// A log that has what it is told to have.
#[derive(Default)]
struct Slow {
    told: Mutex<Vec<Arc<EventStream>>>,
}

impl EventLog for Slow {
    fn changed(&self, stream: Arc<EventStream>) {
        self.told.lock().unwrap().push(stream);
    }

    fn read(&self, _: SessionId, _: u64, _: u64) -> Stored<'_, Option<KeptStream>> {
        Stored::ready(None)
    }

    fn forget(&self, _: SessionId, _: u64) {}

    fn tidy(&self, _: Timestamp, _: std::time::Duration) -> Stored<'_, ()> {
        Stored::ready(())
    }
}

impl Slow {
    /// Takes what there is, without saying that it is kept.
    fn take(&self) -> Unkept {
        let mut told = std::mem::take(&mut *self.told.lock().unwrap());
        assert_eq!(told.len(), 1, "it is told once, until it asks");
        told.remove(0).unkept().unwrap()
    }

    fn is_told(&self) -> bool {
        !self.told.lock().unwrap().is_empty()
    }
}

fn data(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn seqs(unkept: &Unkept) -> Vec<u64> {
    unkept.events.iter().map(|event| event.seq).collect()
}

const SESSION: SessionId = SessionId::from_bytes([7; 16]);

fn kept_by(log: &Arc<Slow>, limits: StreamLimits, owed: Vec<RequestId>) -> Arc<EventStream> {
    let stream = Arc::new(EventStream::new(limits));
    stream.keep_in(log.clone(), SESSION, 3, owed);
    stream
}

/// What a new reader is shown now, and whether it is at the end.
fn shown(stream: &EventStream) -> (Vec<u64>, bool) {
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
fn a_reader_is_shown_what_the_log_has() {
    let log = Arc::new(Slow::default());
    let stream = kept_by(&log, StreamLimits::default(), vec![RequestId::Integer(1)]);
    let known = || poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some();
    assert!(!known());
    let first = log.take();
    assert_eq!((first.number, seqs(&first)), (3, vec![]));
    stream.push(data("a"));
    stream.kept(&first);
    assert!(known());
    assert_eq!(shown(&stream), (vec![], false));
    let second = log.take();
    stream.finish(Some(data("b")));
    stream.kept(&second);
    assert_eq!(shown(&stream), (vec![1], false), "the end is to come");
    let third = log.take();
    assert_eq!((seqs(&third), third.ended), (vec![2], true));
    assert!(second.owed.len() == 1 && third.owed.is_empty());
    stream.kept(&third);
    assert_eq!(shown(&stream), (vec![1, 2], true));
}

#[test]
fn a_log_that_is_behind_is_behind_by_what_the_stream_holds() {
    let log = Arc::new(Slow::default());
    let limits = StreamLimits {
        events: 3,
        bytes: 1000,
    };
    let stream = kept_by(&log, limits, vec![RequestId::Integer(1)]);
    for _ in 0..100 {
        stream.push(data("x"));
    }
    let first = log.take();
    assert_eq!(seqs(&first), [98, 99, 100]);
    assert!(first.dropped.is_empty(), "it was never handed those");
    stream.push(data("x"));
    stream.push(data("x"));
    stream.kept(&first);
    let second = log.take();
    assert_eq!(
        (seqs(&second), second.dropped),
        (vec![101, 102], vec![98, 99])
    );
}

#[test]
fn what_is_let_go_is_shown_at_once() {
    let log = Arc::new(Slow::default());
    let stream = kept_by(&log, StreamLimits::default(), vec![RequestId::Integer(1)]);
    stream.push(data("a"));
    assert_eq!(shown(&stream), (vec![], false));
    stream.let_go();
    assert_eq!(shown(&stream), (vec![1], false));
    assert!(poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some());
    let told = log.told.lock().unwrap().pop().unwrap();
    assert!(told.unkept().is_none());
}

#[test]
fn what_was_said_before_it_was_kept_is_kept_too() {
    let log = Arc::new(Slow::default());
    let stream = Arc::new(EventStream::new(StreamLimits::default()));
    stream.push(data("a"));
    stream.answer(data(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#));
    let owed = [1, 2, 3].map(RequestId::Integer).to_vec();
    stream.keep_in(log.clone(), SESSION, 3, owed);
    let first = log.take();
    assert_eq!(seqs(&first), [1, 2]);
    assert_eq!(first.owed, [1, 3].map(RequestId::Integer));
}

#[test]
fn a_session_s_own_stream_is_kept_once_it_has_said_something() {
    let log = Arc::new(Slow::default());
    let stream = kept_by(&log, StreamLimits::default(), Vec::new());
    assert!(!log.is_told());
    assert!(poll_fn(|cx| stream.poll_known(cx)).now_or_never().is_some());
    stream.push(data("a"));
    let first = log.take();
    assert!(first.endless && first.given == 0);
    stream.kept(&first);
    assert_eq!(shown(&stream).0, [1]);
    let second = log.take();
    assert_eq!(
        (seqs(&second), second.given),
        (vec![], 1),
        "who has seen what"
    );
}

#[test]
fn a_stream_goes_on_from_what_was_kept_with_numbers_of_its_own() {
    let log = Arc::new(Slow::default());
    let before = Arc::new(EventStream::new(StreamLimits::default()));
    before.push(data("a"));
    before.keep_in(log.clone(), SESSION, 0, Vec::new());
    let kept = KeptStream {
        events: log.take().events,
        given: 1,
        ended: false,
    };
    let stream = Arc::new(EventStream::resumed(StreamLimits::default(), kept, 1000));
    stream.keep_in(log.clone(), SESSION, 0, Vec::new());
    assert!(!log.is_told(), "the log has all of it");
    assert_eq!(shown(&stream), (vec![1], false));
    stream.push(data("b"));
    let unkept = log.take();
    assert_eq!(seqs(&unkept), [1001]);
    stream.kept(&unkept);
    assert_eq!(stream.attach(None).after(), 1, "what nobody was given yet");
    assert_eq!(shown(&stream), (vec![1, 1001], false));
}
