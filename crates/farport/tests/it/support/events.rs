//! A reader of server-sent events, including the parts that clients do not see.

use serde_json::Value;

use super::{
    http::{Piece, Response},
    soon,
};

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: String,
}

impl Event {
    /// Returns the message in the event.
    pub(crate) fn message(&self) -> Value {
        assert_eq!(self.name, "message");
        serde_json::from_str(&self.data).unwrap()
    }

    /// Whether it only carries an id to resume from.
    pub(crate) fn is_priming(&self) -> bool {
        self.name.is_empty() && self.data.is_empty() && self.id.is_some()
    }
}

/// The next item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Event(Event),
    Comment(String),
    /// The stream ended cleanly.
    End,
    /// The connection closed early.
    Cut,
}

/// A response that is a stream of events. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    read: String,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            read: String::new(),
        }
    }

    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let next = parse(block);
                self.read = rest.to_owned();
                return next;
            }
            match self.response.piece().await {
                Piece::Data(data) => self.read.push_str(std::str::from_utf8(&data).unwrap()),
                Piece::End => {
                    assert_eq!(self.read, "", "an event without an end");
                    return Next::End;
                }
                Piece::Cut => return Next::Cut,
            }
        }
    }

    /// Returns the next event of any kind.
    pub(crate) async fn event(&mut self) -> Event {
        soon(async {
            loop {
                match self.next().await {
                    Next::Event(event) => return event,
                    Next::Comment(_) => {}
                    other => panic!("no event but {other:?}"),
                }
            }
        })
        .await
    }

    /// Returns the next event with a message.
    pub(crate) async fn message_event(&mut self) -> Event {
        loop {
            let event = self.event().await;
            if !event.is_priming() {
                return event;
            }
        }
    }

    /// Returns the next message.
    pub(crate) async fn message(&mut self) -> Value {
        self.message_event().await.message()
    }

    /// Returns the messages up to the end of the stream, which must be clean.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        soon(async {
            loop {
                match self.next().await {
                    Next::Event(event) if event.is_priming() => {}
                    Next::Event(event) => events.push(event),
                    Next::Comment(_) => {}
                    Next::End => return,
                    Next::Cut => panic!("cut after {events:?}"),
                }
            }
        })
        .await;
        events
    }
}

fn parse(block: &str) -> Next {
    if let Some(comment) = block.strip_prefix(':') {
        assert!(!comment.contains('\n'), "{block}");
        return Next::Comment(comment.trim().to_owned());
    }
    let (mut event, mut data) = (Event::default(), Vec::new());
    for line in block.split('\n') {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("event", name) => event.name = name.to_owned(),
            ("id", id) => event.id = Some(id.to_owned()),
            ("retry", retry) => event.retry = Some(retry.parse().unwrap()),
            ("data", line) => data.push(line),
            other => panic!("{other:?} in {block}"),
        }
    }
    event.data = data.join("\n");
    Next::Event(event)
}
