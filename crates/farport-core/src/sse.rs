//! Encodes server-sent events (WHATWG HTML, "Server-sent events").

use std::{io::Write, time::Duration};

/// A comment that keeps proxies from closing an idle stream.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// The id of an event, with which a client can resume the stream after it.
///
/// The text form is `<stream>-<seq>`, both decimal. Streams are numbered within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The stream's number in its session.
    pub stream: u64,
    /// The event's number in its stream, from 1; 0 is the priming event.
    pub seq: u64,
}

impl EventId {
    /// Parses the value of a `Last-Event-ID` header.
    pub fn parse(text: &str) -> Option<Self> {
        let (stream, seq) = text.split_once('-')?;
        Some(Self {
            stream: decimal(stream)?,
            seq: decimal(seq)?,
        })
    }
}

/// Parses digits only: `str::parse` would accept a plus sign too.
fn decimal(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Appends a `message` event with `data`, split into lines as the format requires.
pub fn message(buffer: &mut Vec<u8>, id: Option<EventId>, data: &[u8]) {
    event(buffer, "message", id, data);
}

/// Appends the first event of a 2024-11-05 stream: the URI for POST requests.
pub fn endpoint(buffer: &mut Vec<u8>, uri: &str) {
    event(buffer, "endpoint", None, uri.as_bytes());
}

/// Appends an event with an id, a reconnection time and empty data. With it, a client can resume a
/// stream that has no message yet (2025-11-25, "Sending Messages to the Server").
pub fn priming(buffer: &mut Vec<u8>, id: EventId, retry: Duration) {
    write_id(buffer, id);
    // Writes to a Vec cannot fail.
    let _ = writeln!(buffer, "retry: {}", retry.as_millis());
    buffer.extend_from_slice(b"data: \n\n");
}

fn write_id(buffer: &mut Vec<u8>, id: EventId) {
    let _ = writeln!(buffer, "id: {}-{}", id.stream, id.seq);
}

fn event(buffer: &mut Vec<u8>, name: &str, id: Option<EventId>, data: &[u8]) {
    buffer.reserve(data.len() + 64);
    buffer.extend_from_slice(b"event: ");
    buffer.extend_from_slice(name.as_bytes());
    buffer.push(b'\n');
    if let Some(id) = id {
        write_id(buffer, id);
    }
    let mut rest = data;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, tail) = match end {
            Some(end) => rest.split_at(end),
            None => (rest, &[][..]),
        };
        buffer.extend_from_slice(b"data: ");
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
        rest = match tail {
            [] => break,
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
        };
    }
    buffer.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a stream as the standard defines, so that tests can compare the events.
    fn read(stream: &[u8]) -> Vec<(String, String, String)> {
        let text = String::from_utf8(stream.to_vec()).unwrap();
        let mut events = Vec::new();
        for block in text.split_terminator("\n\n") {
            let (mut name, mut id, mut data) = (String::new(), String::new(), Vec::new());
            for line in block.split('\n') {
                match line
                    .split_once(": ")
                    .unwrap_or((line.trim_end_matches(':'), ""))
                {
                    ("event", value) => name = value.into(),
                    ("id", value) => id = value.into(),
                    ("data", value) => data.push(value.to_owned()),
                    ("retry" | "", _) => {}
                    other => panic!("{other:?}"),
                }
            }
            events.push((name, id, data.join("\n")));
        }
        events
    }

    #[test]
    fn every_kind_of_line_break_stays_in_one_event() {
        for (data, expect) in [
            ("", ""),
            ("{}", "{}"),
            ("a\nb", "a\nb"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("a\n\nevent: evil", "a\n\nevent: evil"),
            ("end\n", "end\n"),
        ] {
            let mut buffer = Vec::new();
            message(
                &mut buffer,
                Some(EventId { stream: 3, seq: 9 }),
                data.as_bytes(),
            );
            assert_eq!(
                read(&buffer),
                [("message".into(), "3-9".into(), expect.to_owned())]
            );
        }
    }

    #[test]
    fn a_priming_event_has_an_id_a_retry_and_no_data() {
        let mut buffer = Vec::new();
        priming(
            &mut buffer,
            EventId { stream: 1, seq: 0 },
            Duration::from_millis(500),
        );
        assert_eq!(buffer, b"id: 1-0\nretry: 500\ndata: \n\n");
    }

    #[test]
    fn only_ids_in_our_format_parse() {
        assert_eq!(EventId::parse("12-7"), Some(EventId { stream: 12, seq: 7 }));
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "a-1",
            "+1-2",
            "1- 2",
            "99999999999999999999-1",
        ] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_event(data in "[a-z\\r\\n:{}\" ]{0,64}") {
            let mut buffer = Vec::new();
            message(&mut buffer, None, data.as_bytes());
            proptest::prop_assert_eq!(read(&buffer).len(), 1);
        }
    }
}
