//! Server-sent events, read (WHATWG HTML, "Interpreting an event stream").

use std::time::Duration;

use bytes::{Buf, BytesMut};

use crate::spool::{Body, Fault, Limits, Spool};

/// The most that a field other than `data` has, in bytes.
const FIELD: usize = 64 * 1024;

/// An event.
#[derive(Debug, Default)]
pub(crate) struct Event {
    /// Its type; empty for `message`.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: Body,
    /// What `Last-Event-ID` is from this event on.
    pub(crate) id: Option<String>,
    /// How long to wait before connecting again.
    pub(crate) retry: Option<Duration>,
}

impl Event {
    /// Whether there is a message in it.
    pub(crate) fn is_message(&self) -> bool {
        matches!(&*self.name, "" | "message") && !self.data.is_empty()
    }
}

/// Reads events out of chunks. Data is passed on in pieces, so that a large event is never in memory.
#[derive(Debug)]
pub(crate) struct Parser {
    limits: Limits,
    buffer: BytesMut,
    at: At,
    /// The name of the field, or its value.
    word: Vec<u8>,
    /// A carriage return was the last: a line feed belongs to it.
    after_return: bool,
    /// Nothing but a byte order mark has come.
    at_start: bool,
    event: Event,
    data: Option<Spool>,
    any_id: bool,
}

/// Where in a line the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Name,
    /// Whether it is the first byte, of which a space does not count.
    Value(Field, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
    /// A comment, or an unknown field.
    Other,
}

impl Parser {
    /// A reader of events whose data is within `limits`.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            at: At::Name,
            word: Vec::new(),
            after_return: false,
            at_start: true,
            event: Event::default(),
            data: None,
            any_id: false,
        }
    }

    /// Takes in what has arrived.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next event that is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Fault> {
        while let Some(&first) = self.buffer.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                self.buffer.advance(1);
                continue;
            }
            let end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let length = match self.at {
                At::Name => self
                    .buffer
                    .iter()
                    .position(|byte| *byte == b':' || end(byte)),
                At::Value(..) => self.buffer.iter().position(end),
            };
            let piece = self.buffer.split_to(length.unwrap_or(self.buffer.len()));
            self.take(&piece)?;
            if length.is_none() {
                return Ok(None);
            }
            match self.buffer.get_u8() {
                b':' if self.at == At::Name => self.begin_value()?,
                byte => {
                    self.after_return = byte == b'\r';
                    if self.end_of_line()?
                        && let Some(event) = self.event()?
                    {
                        return Ok(Some(event));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes in a part of a name or of a value.
    fn take(&mut self, mut piece: &[u8]) -> Result<(), Fault> {
        let field = match &mut self.at {
            At::Name => None,
            At::Value(field, first) => {
                if !piece.is_empty() && std::mem::take(first) {
                    piece = piece.strip_prefix(b" ").unwrap_or(piece);
                }
                Some(*field)
            }
        };
        match field {
            Some(Field::Data) => self.data().push(piece),
            Some(Field::Other) => Ok(()),
            _ => {
                self.word.extend_from_slice(piece);
                let most = FIELD.min(self.limits.whole);
                if self.word.len() > most {
                    return Err(Fault::TooLarge(most));
                }
                Ok(())
            }
        }
    }

    fn data(&mut self) -> &mut Spool {
        let limits = self.limits;
        self.data.get_or_insert_with(|| Spool::new(limits))
    }

    /// The name is over.
    fn begin_value(&mut self) -> Result<(), Fault> {
        let mut name = &*self.word;
        if std::mem::take(&mut self.at_start) {
            name = name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name);
        }
        let field = match name {
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => Field::Other,
        };
        self.word.clear();
        self.at = At::Value(field, true);
        if field == Field::Data {
            let more = self.data.is_some();
            self.data().push(if more { b"\n" } else { b"" })?;
        }
        Ok(())
    }

    /// The line is over. Whether the event is, too.
    fn end_of_line(&mut self) -> Result<bool, Fault> {
        if self.at == At::Name {
            let empty =
                self.word.is_empty() || (self.at_start && self.word == "\u{feff}".as_bytes());
            if empty {
                self.at_start = false;
                self.word.clear();
                return Ok(true);
            }
            // A field without a value.
            self.begin_value()?;
        }
        let At::Value(field, _) = std::mem::replace(&mut self.at, At::Name) else {
            return Ok(false);
        };
        let word = std::mem::take(&mut self.word);
        let value = String::from_utf8_lossy(&word);
        match field {
            Field::Event => self.event.name = value.into_owned(),
            Field::Id if !value.contains('\0') => {
                self.any_id = true;
                self.event.id = Some(value.into_owned());
            }
            Field::Retry
                if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                self.event.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
        Ok(false)
    }

    /// The event that an empty line ends; `None` where there was nothing in it.
    fn event(&mut self) -> Result<Option<Event>, Fault> {
        let mut event = std::mem::take(&mut self.event);
        let data = self.data.take();
        let worth_telling =
            data.is_some() || std::mem::take(&mut self.any_id) || event.retry.is_some();
        if let Some(data) = data {
            event.data = data.finish()?;
        }
        Ok(worth_telling.then_some(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event, its data as text.
    type Plain = (String, String, Option<String>, Option<u64>);

    /// Reads in memory, or through files.
    fn read(chunks: &[&[u8]], in_memory: bool) -> Vec<Plain> {
        let mut parser = Parser::new(if in_memory {
            Limits::new(64, 64)
        } else {
            Limits::filed(64)
        });
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(event) = parser.next().unwrap() {
                let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
                let data = event.data.into_text().unwrap();
                events.push((event.name, data, event.id, event.retry.map(millis)));
            }
        }
        events
    }

    fn event(name: &str, data: &str, id: Option<&str>, retry: Option<u64>) -> Plain {
        (name.into(), data.into(), id.map(Into::into), retry)
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
            for in_memory in [true, false] {
                assert_eq!(read(&[stream.as_bytes()], in_memory), expect, "{stream:?}");
                let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
                assert_eq!(read(&bytes, in_memory), expect, "{stream:?} byte by byte");
            }
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
            let mut parser = Parser::new(Limits::new(64, 64));
            parser.push(stream.as_bytes());
            assert!(
                matches!(parser.next(), Err(Fault::TooLarge(64))),
                "{stream}"
            );
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
            proptest::prop_assert_eq!(read(&[bytes], true), read(&[left, right], false));
        }
    }
}
