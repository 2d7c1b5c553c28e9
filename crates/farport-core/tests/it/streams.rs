//! Event streams across threads.

use std::{future::poll_fn, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use farport_core::{EventStream, StreamLimits};
use tokio::{runtime, time::timeout};

const EVENTS: u64 = 20_000;

fn stream() -> Arc<EventStream> {
    Arc::new(EventStream::new(StreamLimits {
        events: EVENTS as usize,
        bytes: 1 << 20,
    }))
}

/// Reads to the end, and attaches a new reader each time the stream detaches one: after the last event
/// if `with_position`, or else for undelivered events.
fn read(stream: &EventStream, with_position: bool) -> Vec<u64> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut seen, mut last) = (Vec::new(), 0);
        loop {
            let mut reader = stream.attach(with_position.then_some(last));
            loop {
                let next = poll_fn(|cx| stream.poll_next(&mut reader, cx));
                // Without the timeout, a lost wake-up would block the test forever.
                match timeout(Duration::from_secs(20), next).await.unwrap() {
                    Some(event) => {
                        last = event.seq;
                        seen.push(event.seq);
                    }
                    None if last == EVENTS && stream.is_finished() => return seen,
                    None => break,
                }
            }
        }
    })
}

#[test]
fn a_detached_reader_that_attaches_again_misses_nothing() {
    for with_position in [true, false] {
        let stream = stream();
        let (written, detached) = (stream.clone(), stream.clone());
        let writer = thread::spawn(move || {
            for number in 1..EVENTS {
                assert!(written.push(Bytes::from(number.to_string())));
                if number % 64 == 0 {
                    thread::yield_now();
                }
            }
            written.finish(Some(Bytes::from_static(b"last")));
        });
        let detacher = thread::spawn(move || {
            while !detached.is_finished() {
                detached.detach();
                thread::yield_now();
            }
        });
        let seen = read(&stream, with_position);
        writer.join().unwrap();
        detacher.join().unwrap();
        assert_eq!(seen, (1..=EVENTS).collect::<Vec<_>>(), "{with_position}");
    }
}

#[test]
fn each_event_goes_to_one_of_many_readers() {
    let stream = stream();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let stream = stream.clone();
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut seen = Vec::new();
                    // A replaced reader attaches again.
                    while !stream.is_finished() {
                        let mut reader = stream.attach(None);
                        while let Some(event) =
                            poll_fn(|cx| stream.poll_next(&mut reader, cx)).await
                        {
                            seen.push(event.seq);
                        }
                    }
                    seen
                })
            })
        })
        .collect();
    for number in 1..EVENTS {
        stream.push(Bytes::from(number.to_string()));
    }
    stream.finish(Some(Bytes::from_static(b"last")));
    let mut seen: Vec<_> = readers
        .into_iter()
        .flat_map(|reader| reader.join().unwrap())
        .collect();
    seen.sort_unstable();
    let count = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), count, "no event is delivered twice");
}
