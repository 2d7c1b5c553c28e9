//! What a log of events does.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use farport_core::{
    Event, EventLog, EventStream, KeptStream, RequestId, SessionLimits, SessionStore, StreamLimits,
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

/// A stream of session 1 that the log keeps.
fn stream(log: &Arc<dyn EventLog>, number: u64, owed: Vec<RequestId>) -> Arc<EventStream> {
    let stream = Arc::new(EventStream::new(StreamLimits::default()));
    stream.keep_in(log.clone(), id(1), number, owed);
    stream
}

/// Reads `many` events, waiting for them to be kept.
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

async fn read(log: &Arc<dyn EventLog>, number: u64, after: u64) -> Option<KeptStream> {
    said(log.read(id(1), number, after).await)
}

fn texts(kept: &KeptStream) -> Vec<(u64, &str, bool)> {
    let events = kept.events.iter();
    events
        .map(|event| {
            let text = std::str::from_utf8(&event.data).unwrap_or("?");
            (event.seq, text, event.answer)
        })
        .collect()
}

/// A client that has seen something can always come back to it.
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
    assert_eq!(empty, Some(KeptStream::default()), "as soon as it is known");
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

/// The next process finds what the one before it said.
pub async fn a_stream_goes_on_where_it_was<S: SessionStore>(
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
    assert_eq!(kept.given, 2, "nobody is given it twice");
    let resumed = Arc::new(EventStream::resumed(StreamLimits::default(), kept, 100));
    resumed.keep_in(log.clone(), id(1), 0, Vec::new());
    resumed.push(data("c"));
    assert_eq!(shown(&resumed, 3).await, ["a", "b", "c"]);
    let kept = read(&log, 0, 2).await.unwrap_or_default();
    assert_eq!(texts(&kept), [(101, "c", false)]);
}

/// The log is bounded by what the stream is bounded by.
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
    said_on.keep_in(log.clone(), id(1), 3, vec![RequestId::Integer(1)]);
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

/// What is let go is gone, also for those who come later.
pub async fn a_stream_that_is_let_go_is_gone<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let (kept, gone) = (
        stream(&log, 1, vec![RequestId::Integer(1)]),
        stream(&log, 2, vec![RequestId::Integer(2)]),
    );
    kept.push(data("kept"));
    gone.push(data("gone"));
    gone.let_go();
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

/// Streams that have ended are kept for those who come back soon.
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

/// A session that is over leaves nothing.
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
    // Nobody has told the stream; its reader is served all the same.
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

/// Nobody waits for a process that has died.
pub async fn what_was_not_answered_is_answered_with_an_error<S: SessionStore>(
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

/// Only what is missing of a batch is answered with an error. Tidying does it for those to whom
/// nobody comes back.
pub async fn a_batch_is_owed_what_it_was_not_answered<S: SessionStore>(
    open: impl AsyncFn(SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    let log = log_of(&store);
    let ids: Vec<_> = (1..=3).map(RequestId::Integer).collect();
    let said_on = Arc::new(EventStream::new(StreamLimits::default()));
    said_on.answer(data(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#));
    said_on.keep_in(log.clone(), id(1), 9, ids.clone());
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

/// It goes on in the next process, however the last one ended.
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

/// Each stream's events stay its own, in their order.
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
