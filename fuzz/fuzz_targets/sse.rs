//! Any data: what `sse` writes is read back as one event with that data, as the standard says.

#![no_main]

use std::time::Duration;

use farport_core::sse::{self, EventId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u64, bool, Vec<u8>)| {
    let (stream, seq, named, data) = input;
    let id = EventId { stream, seq };
    let text = format!("{stream}-{seq}");
    assert_eq!(EventId::parse(&text), Some(id));
    if std::str::from_utf8(&data)
        .ok()
        .and_then(EventId::parse)
        .is_some()
    {
        assert!(
            data.iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'-')
        );
    }

    let mut buffer = Vec::new();
    sse::priming(&mut buffer, id, Duration::from_millis(seq));
    let primed = buffer.len();
    sse::message(&mut buffer, named.then_some(id), &data);
    buffer.extend_from_slice(sse::KEEP_ALIVE);
    sse::message(&mut buffer, None, b"{}");

    let (priming, rest) = buffer.split_at(primed);
    let events = read(priming);
    assert_eq!(events.len(), 1, "a priming event is one event");
    assert_eq!(
        (&events[0].id[..], &events[0].data[..]),
        (text.as_bytes(), &b""[..])
    );

    let events = read(rest);
    assert_eq!(events.len(), 2, "data cannot end an event or begin another");
    assert_eq!(events[0].name, b"message");
    assert_eq!(events[0].id, if named { text.as_bytes() } else { b"" });
    assert_eq!(events[0].data, with_newlines(&data));
    assert_eq!(events[1].data, b"{}");
});

#[derive(Default)]
struct Event {
    name: Vec<u8>,
    id: Vec<u8>,
    data: Vec<u8>,
}

/// A reader of event streams after "Interpreting an event stream" of the HTML standard.
fn read(stream: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut event, mut has_data) = (Event::default(), false);
    for line in with_newlines(stream).split(|&byte| byte == b'\n') {
        if line.is_empty() {
            if has_data {
                event.data.pop();
                events.push(std::mem::take(&mut event));
            }
            (event, has_data) = (Event::default(), false);
            continue;
        }
        let colon = line
            .iter()
            .position(|&byte| byte == b':')
            .unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => event.name = value.to_vec(),
            b"id" => event.id = value.to_vec(),
            b"data" => {
                event.data.extend_from_slice(value);
                event.data.push(b'\n');
                has_data = true;
            }
            _ => {}
        }
    }
    events
}

/// CRLF and CR each end a line, as LF does.
fn with_newlines(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut bytes = data.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.push(b'\n');
            }
            byte => out.push(byte),
        }
    }
    out
}
