//! Server-sent events, read (WHATWG HTML, "Interpreting an event stream").

use std::time::Duration;

use bytes::{Buf, BytesMut};

/// An event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; empty for `message`.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: String,
    /// What `Last-Event-ID` is from this event on.
    pub(crate) id: Option<String>,
    /// How long to wait before connecting again.
    pub(crate) retry: Option<Duration>,
}

/// Something that was sent is larger than a message may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Reads events out of chunks.
#[derive(Debug)]
pub(crate) struct Parser {
    buffer: BytesMut,
    /// Up to where `buffer` holds no end of a line.
    searched: usize,
    event: Event,
    any_data: bool,
    any_id: bool,
    started: bool,
    most: usize,
}

impl Parser {
    /// A reader of events of at most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            event: Event::default(),
            any_data: false,
            any_id: false,
            started: false,
            most,
        }
    }

    /// Takes in what has arrived.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next event that is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, TooLarge> {
        while let Some(line) = self.line()? {
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                let worth_telling = std::mem::take(&mut self.any_data)
                    || std::mem::take(&mut self.any_id)
                    || event.retry.is_some();
                self.any_id = false;
                if worth_telling {
                    return Ok(Some(event));
                }
                continue;
            }
            self.field(&line);
            if self.event.data.len() > self.most {
                return Err(TooLarge);
            }
        }
        Ok(None)
    }

    /// The next whole line, without its end: LF, CR or CRLF.
    fn line(&mut self) -> Result<Option<String>, TooLarge> {
        if !self.started && self.buffer.len() >= 3 {
            self.started = true;
            if self.buffer.starts_with("\u{feff}".as_bytes()) {
                self.buffer.advance(3);
            }
        }
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.buffer.len();
            return if self.searched > self.most {
                Err(TooLarge)
            } else {
                Ok(None)
            };
        };
        let end = self.searched + end;
        let width = match (self.buffer.get(end), self.buffer.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            // What comes next tells whether this line is over.
            (Some(b'\r'), None) => {
                self.searched = end;
                return Ok(None);
            }
            _ => 1,
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(width);
        self.searched = 0;
        if line.len() > self.most {
            return Err(TooLarge);
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.any_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" if !value.contains('\0') => {
                self.any_id = true;
                self.event.id = Some(value.to_owned());
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.event.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new(64);
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(event) = parser.next().unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn event(name: &str, data: &str, id: Option<&str>, retry: Option<u64>) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
            id: id.map(Into::into),
            retry: retry.map(Duration::from_millis),
        }
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (stream, expect) in [
            ("data: a\n\n", vec![event("", "a", None, None)]),
            (
                "data: a\ndata\ndata:b\n\n",
                vec![event("", "a\n\nb", None, None)],
            ),
            (
                "\u{feff}data:  a\r\n\r\n",
                vec![event("", " a", None, None)],
            ),
            (": comment\n\n:\n\n", vec![]),
            (
                "event: endpoint\rdata: /m\rid: 1\r\rx",
                vec![event("endpoint", "/m", Some("1"), None)],
            ),
            (
                "id: 7\nretry: 250\ndata: \n\n",
                vec![event("", "", Some("7"), Some(250))],
            ),
            ("retry: 1s\nretry: -1\n\n", vec![]),
            ("retry: 10\n\n", vec![event("", "", None, Some(10))]),
            ("id: a\0b\n\n", vec![]),
            ("unknown: x\ndata: y\n\n", vec![event("", "y", None, None)]),
            ("data: unfinished", vec![]),
        ] {
            assert_eq!(read(&[stream.as_bytes()]), expect, "{stream:?}");
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes), expect, "{stream:?} byte by byte");
        }
    }

    #[test]
    fn an_event_is_bounded() {
        let long = "x".repeat(100);
        for stream in [
            format!("data: {long}\n\n"),
            long.clone(),
            "data: 0123456789\n".repeat(10),
        ] {
            let mut parser = Parser::new(64);
            parser.push(stream.as_bytes());
            assert_eq!(parser.next(), Err(TooLarge), "{stream}");
        }
    }

    proptest::proptest! {
        #[test]
        fn cutting_changes_nothing(
            stream in "(data: [a-z]{0,3}(\r|\n|\r\n)|id: [0-9](\n|\r)|\n|\r\n|:\n){0,12}",
            at in 0usize..60,
        ) {
            let bytes = stream.as_bytes();
            let at = at.min(bytes.len());
            let (left, right) = bytes.split_at(at);
            // A closing line feed settles a carriage return that came last.
            proptest::prop_assert_eq!(read(&[bytes, b"x"]), read(&[left, right, b"x"]));
        }
    }
}
