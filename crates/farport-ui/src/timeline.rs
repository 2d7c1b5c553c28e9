//! What the timeline records: JSON-RPC messages, HTTP exchanges and what happened to the connection,
//! within bounds.

use std::collections::VecDeque;

use serde::Serialize;

use crate::exchange::Exchange;

/// The most entries that the timeline holds.
pub(crate) const MOST_ENTRIES: usize = 10_000;
/// The most bytes that all entries hold together.
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;
/// The most bytes of a message that an event carries. The page fetches longer messages on demand.
pub(crate) const INLINE: usize = 8 * 1024;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From the inspector to the server.
    Out,
    /// From the server to the inspector.
    In,
}

/// What a JSON-RPC message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A request.
    Request,
    /// A response with a result.
    Result,
    /// A response with an error.
    Error,
    /// A notification.
    Notification,
}

/// A JSON-RPC message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) direction: Direction,
    pub(crate) kind: Kind,
    /// The method; for a response, the method of its request.
    pub(crate) method: String,
    /// The JSON-RPC id, as JSON.
    pub(crate) id: Option<String>,
    /// For a response: milliseconds since its request.
    pub(crate) ms: Option<f64>,
    pub(crate) text: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    /// The connection opened.
    Connected,
    /// The server does not answer, or the connection failed.
    Lost,
    /// The server answers again.
    Back,
    /// A session was opened again.
    Session,
    /// `farport dev` replaced the server, or could not.
    Reload,
    /// A step of a sign-in.
    SignIn,
    /// A response of the chat's model.
    Model,
    /// A line of the standard error of a server's process.
    Stderr,
}

/// Something that happened to the connection.
#[derive(Debug, Serialize)]
pub(crate) struct Note {
    pub(crate) topic: Topic,
    pub(crate) text: String,
}

/// The content of an entry.
#[derive(Debug)]
pub(crate) enum Content {
    Message(Message),
    Http(Box<Exchange>),
    Note(Note),
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) content: Content,
}

/// A message as an event carries it.
#[derive(Serialize)]
struct MessageEvent<'a> {
    r#type: &'static str,
    seq: u64,
    at: u64,
    direction: Direction,
    kind: Kind,
    method: &'a str,
    id: Option<&'a str>,
    ms: Option<f64>,
    bytes: usize,
    /// The message, unless it is long.
    text: Option<&'a str>,
}

/// An exchange as an event carries it: its row, without headers and bodies.
#[derive(Serialize)]
struct HttpEvent<'a> {
    r#type: &'static str,
    seq: u64,
    at: u64,
    purpose: &'static str,
    attempt: u32,
    method: &'a str,
    path: String,
    rpc_method: Option<&'a str>,
    rpc_id: Option<&'a str>,
    status: Option<u16>,
    ms: Option<f64>,
    bytes: u64,
    failed: bool,
    ended: bool,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct NoteEvent<'a> {
    r#type: &'static str,
    seq: u64,
    at: u64,
    #[serde(flatten)]
    note: &'a Note,
}

impl Entry {
    /// The entry as one line of JSON.
    pub(crate) fn to_event(&self) -> String {
        let (seq, at) = (self.seq, self.at);
        let event = match &self.content {
            Content::Message(message) => serde_json::to_string(&MessageEvent {
                r#type: "message",
                seq,
                at,
                direction: message.direction,
                kind: message.kind,
                method: &message.method,
                id: message.id.as_deref(),
                ms: message.ms,
                bytes: message.text.len(),
                text: (message.text.len() <= INLINE).then_some(&message.text),
            }),
            Content::Http(exchange) => serde_json::to_string(&HttpEvent {
                r#type: "http",
                seq,
                at,
                purpose: exchange.purpose,
                attempt: exchange.attempt,
                method: &exchange.method,
                path: exchange.path(),
                rpc_method: exchange.rpc_method.as_deref(),
                rpc_id: exchange.rpc_id.as_deref(),
                status: exchange.status,
                ms: exchange.ms.or(exchange.head_ms),
                bytes: exchange.bytes,
                failed: exchange.failed(),
                ended: exchange.ended,
                error: exchange.error.as_deref(),
            }),
            Content::Note(note) => serde_json::to_string(&NoteEvent {
                r#type: "note",
                seq,
                at,
                note,
            }),
        };
        // Strings and numbers always serialize.
        event.unwrap_or_default()
    }

    /// The whole entry: the text of a message, an exchange as JSON, or a note.
    pub(crate) fn detail(&self) -> String {
        match &self.content {
            Content::Message(message) => message.text.clone(),
            Content::Http(exchange) => serde_json::to_string(exchange).unwrap_or_default(),
            Content::Note(note) => note.text.clone(),
        }
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Message(message) => {
                message.text.len()
                    + message.method.len()
                    + message.id.as_ref().map_or(0, String::len)
            }
            Content::Http(exchange) => exchange.size(),
            Content::Note(note) => note.text.len(),
        }
    }

    /// Cuts the text of an entry that alone is over the bound.
    fn cut(&mut self, most: usize) {
        match &mut self.content {
            Content::Message(message) => cut(&mut message.text, most),
            Content::Note(note) => cut(&mut note.text, most),
            Content::Http(_) => {}
        }
    }
}

/// The newest entries. The oldest are dropped at the bounds.
#[derive(Default)]
pub(crate) struct Timeline {
    entries: VecDeque<Entry>,
    bytes: usize,
    next: u64,
}

impl Timeline {
    /// Adds an entry, which gets the next number.
    pub(crate) fn push(&mut self, at: u64, content: Content) -> &Entry {
        let seq = self.next;
        let mut entry = Entry { seq, at, content };
        self.next += 1;
        self.bytes += entry.size();
        while self.entries.len() >= MOST_ENTRIES || self.bytes > MOST_BYTES {
            let Some(dropped) = self.entries.pop_front() else {
                // The entry alone is over the bound: its head remains.
                entry.cut(MOST_BYTES / 2);
                self.bytes = entry.size();
                break;
            };
            self.bytes -= dropped.size();
        }
        self.entries.push_back(entry);
        // An entry was just added.
        &self.entries[self.entries.len() - 1]
    }

    /// Changes an exchange, if the timeline still holds it. `change` returns whether its row changes;
    /// then this returns the entry.
    pub(crate) fn update(
        &mut self,
        seq: u64,
        change: impl FnOnce(&mut Exchange) -> bool,
    ) -> Option<&Entry> {
        let index = self.index(seq)?;
        let entry = self.entries.get_mut(index)?;
        let before = entry.size();
        let Content::Http(exchange) = &mut entry.content else {
            return None;
        };
        let changed = change(exchange);
        self.bytes = (self.bytes - before) + entry.size();
        changed.then(|| &self.entries[index])
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.index(seq)?)
    }

    fn index(&self, seq: u64) -> Option<usize> {
        let first = self.entries.front()?.seq;
        usize::try_from(seq.checked_sub(first)?).ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

fn cut(text: &mut String, most: usize) {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: String) -> Content {
        Content::Message(Message {
            direction: Direction::In,
            kind: Kind::Notification,
            method: "notifications/message".to_owned(),
            id: None,
            ms: None,
            text,
        })
    }

    #[test]
    fn the_oldest_entries_are_dropped_at_the_limit_of_entries() {
        let mut timeline = Timeline::default();
        for _ in 0..MOST_ENTRIES + 5 {
            timeline.push(0, entry("{}".to_owned()));
        }
        assert_eq!(timeline.iter().count(), MOST_ENTRIES);
        assert!(timeline.get(4).is_none());
        assert_eq!(timeline.get(5).unwrap().seq, 5);
        assert!(timeline.get(MOST_ENTRIES as u64 + 5).is_none());
    }

    #[test]
    fn the_oldest_entries_are_dropped_at_the_limit_of_bytes() {
        let mut timeline = Timeline::default();
        let third = "x".repeat(MOST_BYTES / 3);
        for _ in 0..4 {
            timeline.push(0, entry(third.clone()));
        }
        assert_eq!(timeline.iter().count(), 2);
        assert!(timeline.bytes <= MOST_BYTES);
        timeline.push(0, entry("é".repeat(MOST_BYTES)));
        assert_eq!(timeline.iter().count(), 1);
        assert!(timeline.bytes <= MOST_BYTES);
    }

    #[test]
    fn a_long_message_is_not_part_of_its_event() {
        let mut timeline = Timeline::default();
        let event = timeline.push(0, entry("x".repeat(INLINE + 1))).to_event();
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["text"], serde_json::Value::Null);
        assert_eq!(event["bytes"], INLINE + 1);
    }

    #[test]
    fn numbers_continue_after_a_clear() {
        let mut timeline = Timeline::default();
        timeline.push(0, entry("{}".to_owned()));
        timeline.clear();
        assert_eq!(timeline.push(0, entry("{}".to_owned())).seq, 1);
    }
}
