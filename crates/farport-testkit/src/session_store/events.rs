//! The rules for a log of events.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use farport_core::{
    Event, EventLog, EventStream, RequestId, SessionLimits, SessionStore, StoredStream,
    StreamLimits,
};
use serde_json::Value;

use super::{START, id, insert, limits, said};

const RETENTION: Duration = Duration::from_secs(300);

fn data(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn log_of<S: SessionStore>(store: &S) -> Arc<dyn EventLog> {
    match store.events() {
        Some(log) => log,
        None => panic!("a store that lasts keeps events"),
    }
}

/// A stream of session 1 that is stored in the log.
fn stream(log: &Arc<dyn EventLog>, number: u64, owed: Vec<RequestId>) -> Arc<EventStream> {
    let stream = Arc::new(EventStream::new(StreamLimits::default()));
    stream.store_in(log.clone(), id(1), number, owed);
    stream
}

/// Reads `many` events, and waits until they are stored.
async fn shown(stream: &EventStream, many: usize) -> Vec<String> {
    let mut reader = stream.attach(Some(0));
    let mut seen = Vec::new();
    while seen.len() < many {
        match poll_fn(|cx| stream.poll_next(&mut reader, cx)).await {
            Some(Event { data, .. }) => seen.push(String::from_utf8_lossy(&data).into_owned()),
            None => panic!("it ended after {seen:?}"),
        }
    }
    seen
}

async fn read(log: &Arc<dyn EventLog>, number: u64, after: u64) -> Option<StoredStream> {
    said(log.read(id(1), number, after).await)
}

fn texts(kept: &StoredStream) -> Vec<(u64, &str, bool)> {
    let events = kept.events.iter();
    events
        .map(|event| {
            let text = std::str::from_utf8(&event.data).unwrap_or("?");
            (event.seq, text, event.answer)
        })
        .collect()
}

/// A client can resume after any event that it has received.
pub async fn what_a_reader_was_shown_is_kept<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    assert_eq!(read(&log, 7, 0).await, None);
    let said_on = stream(&log, 7, vec![RequestId::Integer(1)]);
    poll_fn(|cx| said_on.poll_known(cx)).await;
    let empty = read(&log, 7, 0).await;
    assert_eq!(
        empty,
        Some(StoredStream::default()),
        "as soon as it is known"
    );
    for many in 1..=20 {
        said_on.push(data("x"));
        assert_eq!(shown(&said_on, many).await.len(), many);
        let kept = read(&log, 7, 0).await;
        assert_eq!(kept.map(|kept| kept.events.len()), Some(many));
    }
    said_on.finish(Some(data("y")));
    shown(&said_on, 21).await;
    let kept = read(&log, 7, 19).await.unwrap_or_default();
    assert_eq!(texts(&kept), [(20, "x", false), (21, "y", true)]);
    assert!(kept.ended);
}

/// The next process finds the events of the previous one.
pub async fn a_stream_continues_after_a_restart<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let said_on = stream(&log, 0, Vec::new());
    said_on.push(data("a"));
    said_on.push(data("b"));
    shown(&said_on, 2).await;
    drop((store, log, said_on));
    let store = open(limits(10)).await;
    let log = log_of(&store);
    let kept = read(&log, 0, 0).await.unwrap_or_default();
    assert_eq!(texts(&kept), [(1, "a", false), (2, "b", false)]);
    assert_eq!(kept.given, 2, "no event is sent twice");
    let resumed = Arc::new(EventStream::resumed(StreamLimits::default(), kept, 100));
    resumed.store_in(log.clone(), id(1), 0, Vec::new());
    resumed.push(data("c"));
    assert_eq!(shown(&resumed, 3).await, ["a", "b", "c"]);
    let kept = read(&log, 0, 2).await.unwrap_or_default();
    assert_eq!(texts(&kept), [(101, "c", false)]);
}

/// The log has the bounds of the stream.
pub async fn no_more_is_kept_than_the_stream_holds<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let bounds = StreamLimits {
        events: 5,
        bytes: 1000,
    };
    let said_on = Arc::new(EventStream::new(bounds));
    said_on.store_in(log.clone(), id(1), 3, vec![RequestId::Integer(1)]);
    for round in 1..=40 {
        for _ in 0..7 {
            said_on.push(data("x"));
        }
        let mut reader = said_on.attach(Some(round * 7 - 1));
        let last = poll_fn(|cx| said_on.poll_next(&mut reader, cx)).await;
        assert_eq!(last.map(|event| event.seq), Some(round * 7));
        let kept = read(&log, 3, 0).await.unwrap_or_default();
        assert!(kept.events.len() <= 5 + 7, "{} events", kept.events.len());
    }
}

/// A released stream is deleted for later readers, too.
pub async fn a_released_stream_is_deleted<S: SessionStore>(open: impl AsyncFn(SessionLimits) -> S) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let (kept, gone) = (
        stream(&log, 1, vec![RequestId::Integer(1)]),
        stream(&log, 2, vec![RequestId::Integer(2)]),
    );
    kept.push(data("kept"));
    gone.push(data("gone"));
    gone.stop_storing();
    log.forget(id(1), 2);
    gone.push(data("still read"));
    assert_eq!(shown(&gone, 2).await, ["gone", "still read"]);
    shown(&kept, 1).await;
    drop((store, log, kept, gone));
    let store = open(limits(10)).await;
    let log = log_of(&store);
    assert_eq!(read(&log, 2, 0).await, None);
    assert!(read(&log, 1, 0).await.is_some());
}

/// The log keeps ended streams for readers that return soon.
pub async fn an_ended_stream_goes_after_its_retention<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let ended = stream(&log, 1, vec![RequestId::Integer(1)]);
    let open_still = stream(&log, 2, vec![RequestId::Integer(2)]);
    ended.finish(Some(data("x")));
    open_still.push(data("y"));
    shown(&ended, 1).await;
    shown(&open_still, 1).await;
    let moment = Duration::from_millis(1);
    for (now, there) in [
        (START, true),
        (START.after(RETENTION - moment), true),
        (START.after(RETENTION), false),
    ] {
        said(log.tidy(now, RETENTION).await);
        assert_eq!(read(&log, 1, 0).await.is_some(), there, "{now:?}");
        assert!(read(&log, 2, 0).await.is_some_and(|kept| !kept.ended));
    }
}

/// Ending a session deletes its streams.
pub async fn streams_go_with_their_session<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let said_on = stream(&log, 1, vec![RequestId::Integer(1)]);
    said_on.push(data("x"));
    shown(&said_on, 1).await;
    assert!(said(store.remove(id(1)).await));
    assert_eq!(read(&log, 1, 0).await, None);
    // The stream was not notified, but serves its reader anyway.
    said_on.finish(Some(data("y")));
    assert_eq!(shown(&said_on, 2).await, ["x", "y"]);
    assert_eq!(read(&log, 1, 0).await, None);
}

fn is_lost(event: &Event, request: &RequestId) -> bool {
    let Ok(message) = serde_json::from_slice::<Value>(&event.data) else {
        return false;
    };
    let (named, error) = (&message["id"], &message["error"]);
    serde_json::to_value(request).is_ok_and(|id| id == *named)
        && error["code"] == -32603
        && error["message"]
            .as_str()
            .is_some_and(|text| text.contains("restarted"))
}

/// No reader waits for a process that has died.
pub async fn unanswered_requests_get_an_error<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let asked = RequestId::String("a".into());
    let (silent, talking) = (
        stream(&log, 1, vec![asked.clone()]),
        stream(&log, 2, vec![asked.clone()]),
    );
    let answered = stream(&log, 3, vec![asked.clone()]);
    poll_fn(|cx| silent.poll_known(cx)).await;
    talking.push(data("note"));
    shown(&talking, 1).await;
    answered.finish(Some(data("answer")));
    shown(&answered, 1).await;
    for number in [1, 2] {
        let kept = read(&log, number, 0).await.unwrap_or_default();
        assert!(!kept.ended, "its process is alive");
    }
    drop((store, log, silent, talking, answered));
    for _ in 0..2 {
        let store = open(limits(10)).await;
        let log = log_of(&store);
        for (number, said_before) in [(1, 0), (2, 1)] {
            let kept = read(&log, number, said_before).await.unwrap_or_default();
            assert!(kept.ended && kept.events.len() == 1, "{kept:?}");
            let event = &kept.events[0];
            assert_eq!((event.seq, event.answer), (said_before + 1, true));
            assert!(is_lost(event, &asked), "{event:?}");
        }
        let kept = read(&log, 3, 0).await.unwrap_or_default();
        assert_eq!(texts(&kept), [(1, "answer", true)]);
    }
}

/// Only the unanswered requests of a batch are answered with an error. `tidy` does so for streams
/// without a reader.
pub async fn the_unanswered_part_of_a_batch_gets_an_error<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let ids: Vec<_> = (1..=3).map(RequestId::Integer).collect();
    let said_on = Arc::new(EventStream::new(StreamLimits::default()));
    said_on.answer(data(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#));
    said_on.store_in(log.clone(), id(1), 9, ids.clone());
    said_on.answer(data(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    shown(&said_on, 2).await;
    drop((store, log, said_on));
    let store = open(limits(10)).await;
    let log = log_of(&store);
    said(log.tidy(START, RETENTION).await);
    let kept = read(&log, 9, 2).await.unwrap_or_default();
    assert!(kept.ended);
    assert_eq!(kept.events.len(), 1, "{kept:?}");
    assert!(is_lost(&kept.events[0], &ids[2]));
}

/// The next process continues it, however the last one ended.
pub async fn a_session_s_own_stream_has_no_end<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let said_on = stream(&log, 0, Vec::new());
    assert_eq!(read(&log, 0, 0).await, None, "until it has said something");
    said_on.push(data("x"));
    shown(&said_on, 1).await;
    drop((store, log, said_on));
    let store = open(limits(10)).await;
    let log = log_of(&store);
    for step in 0..3 {
        said(log.tidy(START.after(RETENTION * step), RETENTION).await);
        let kept = read(&log, 0, 0).await.unwrap_or_default();
        assert!(!kept.ended);
        assert_eq!(texts(&kept), [(1, "x", false)]);
    }
}

/// Each stream keeps its own events in order.
pub async fn many_streams_are_kept_in_their_order<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let streams: Vec<_> = (1..=20)
        .map(|number| stream(&log, number, vec![RequestId::Integer(1)]))
        .collect();
    for round in 0..50 {
        for (number, stream) in (1..).zip(&streams) {
            stream.push(data(&format!("{number}-{round}")));
        }
    }
    for stream in &streams {
        shown(stream, 50).await;
    }
    drop((store, log, streams));
    let store = open(limits(10)).await;
    let log = log_of(&store);
    for number in 1..=20 {
        let kept = read(&log, number, 0).await.unwrap_or_default();
        let expect: Vec<_> = (0..50).map(|round| format!("{number}-{round}")).collect();
        let seen: Vec<_> = texts(&kept).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(seen[..50], expect);
    }
}
