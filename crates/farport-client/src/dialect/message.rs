//! JSON-RPC messages, read once and kept as the bytes they arrived in.

use std::borrow::Cow;
use std::sync::Arc;

use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::UNAVAILABLE;
use crate::connection::modern::Params;
use crate::message::Peek;
pub use crate::message::{Id, Kind};

/// What a response holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    Result(&'a str),
    Error(&'a str),
}

/// The parts of a request that the HTTP headers of 2026-07-28 repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderFacts {
    /// The value of `MCP-Protocol-Version`; `None` for a request of the session era.
    pub protocol_version: Option<String>,
    /// The value of `Mcp-Method`.
    pub method: String,
    /// The value of `Mcp-Name`: the name of a tool or prompt, the URI of a resource, or the id of a
    /// task.
    pub name: Option<String>,
}

/// The side that made an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer that sent the message.
    Peer,
    /// The driver: the request failed in transport. It may succeed later.
    Transport,
    /// The driver: the request cannot succeed.
    TransportForGood,
}

/// A JSON-RPC message.
///
/// A message that passes through keeps its text, unknown members included.
///
/// ```
/// use farport_client::dialect::{Kind, Message};
///
/// let message = Message::parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).unwrap();
/// assert!(matches!(message.kind(), Kind::Request(id) if id.json() == "1"));
/// assert_eq!(message.method(), "ping");
/// assert!(Message::parse("not a message").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Message {
    text: ByteString,
    kind: Kind,
    method: ByteString,
    params: Option<ByteString>,
    /// The result, or the error; `is_error` says which.
    outcome: Option<ByteString>,
    is_error: bool,
    origin: Origin,
    /// For an error that the driver made: the driver's text for its user.
    report: Option<Arc<str>>,
    stream: Option<Id>,
}

impl Message {
    /// Reads one message. `None` for text that is no JSON-RPC 2.0 message; a batch is none.
    pub fn parse(text: impl Into<ByteString>) -> Option<Self> {
        let text = text.into();
        let peek = Peek::at(&text)?;
        Some(Self::new(text.clone(), &peek))
    }

    /// The message that `peek` has found in `text`.
    pub(crate) fn copy(text: &str, peek: &Peek<'_>) -> Self {
        let start = text.as_ptr() as usize;
        let owned = ByteString::from(text);
        let part = |part: &str| {
            let at = (part.as_ptr() as usize).checked_sub(start)?;
            let part = owned.get(at..at.checked_add(part.len())?)?;
            Some(owned.slice_ref(part))
        };
        Self::with_parts(owned.clone(), peek, part)
    }

    /// The message that `peek` has found in `text` itself.
    pub(crate) fn new(text: ByteString, peek: &Peek<'_>) -> Self {
        let whole = text.clone();
        Self::with_parts(text, peek, |part| Some(whole.slice_ref(part)))
    }

    fn with_parts(
        text: ByteString,
        peek: &Peek<'_>,
        part: impl Fn(&str) -> Option<ByteString>,
    ) -> Self {
        let method = match &peek.method {
            Cow::Borrowed(name) => part(name).unwrap_or_default(),
            Cow::Owned(name) => ByteString::from(&**name),
        };
        Self {
            method,
            kind: peek.kind.clone(),
            params: peek.params.and_then(&part),
            outcome: peek.result.or(peek.error).and_then(&part),
            is_error: peek.result.is_none(),
            origin: Origin::Peer,
            report: None,
            stream: None,
            text,
        }
    }

    /// The response to a request that failed on its way to the server or back. The same request may
    /// succeed later.
    pub fn failed(id: Id, why: &str) -> Self {
        let mut message = Self::error(Some(id), UNAVAILABLE, why);
        message.origin = Origin::Transport;
        message
    }

    /// The response to a request that failed on its way to the server or back, and would fail again.
    pub fn failed_for_good(id: Id, why: &str) -> Self {
        let mut message = Self::error(Some(id), UNAVAILABLE, why);
        message.origin = Origin::TransportForGood;
        message
    }

    /// Whether the message is the response to a request that failed in transport.
    pub fn is_failed(&self) -> bool {
        self.origin != Origin::Peer
    }

    /// Adds a text for the driver's user. It stays with the failure when the machine answers a request of
    /// the caller with it.
    #[must_use]
    pub fn with_report(mut self, report: &str) -> Self {
        self.report = Some(report.into());
        self
    }

    /// The text for the driver's user.
    pub fn report(&self) -> Option<&str> {
        self.report.as_deref()
    }

    /// The parts of the message.
    pub(crate) fn peek(&self) -> Peek<'_> {
        let outcome = self.outcome.as_deref();
        Peek {
            kind: self.kind.clone(),
            method: Cow::Borrowed(&self.method),
            params: self.params.as_deref(),
            result: outcome.filter(|_| !self.is_error),
            error: outcome.filter(|_| self.is_error),
        }
    }

    /// The message as bytes that it shares.
    pub(crate) fn into_text(self) -> ByteString {
        self.text
    }

    /// The message of an error response, for people.
    pub(crate) fn error_text(&self) -> Option<String> {
        match self.outcome()? {
            Outcome::Error(error) => Some(error_message(error)),
            Outcome::Result(_) => None,
        }
    }

    /// The side that made the message.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Gives the message the origin of another one.
    pub(super) fn of_origin(mut self, other: &Self) -> Self {
        self.origin = other.origin;
        self.report.clone_from(&other.report);
        self
    }

    /// The message as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The kind of the message, with its id.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The method; empty for a response.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The id of a request.
    pub fn request_id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request(id) => Some(id),
            _ => None,
        }
    }

    /// The request that the message belongs to, where the transport knows it: over HTTP, the request
    /// on whose response stream the message travels.
    pub fn stream(&self) -> Option<&Id> {
        self.stream.as_ref()
    }

    /// Names the request that the message belongs to.
    #[must_use]
    pub fn on_stream(mut self, request: Option<Id>) -> Self {
        self.stream = request;
        self
    }

    /// The parts of a request that HTTP headers repeat (2026-07-28, "Standard Request Headers").
    pub fn header_facts(&self) -> HeaderFacts {
        let params: Params<'_> = self.read_params();
        HeaderFacts {
            protocol_version: super::meta::Meta::of(params.meta.map(RawValue::get)).version(),
            method: self.method().to_owned(),
            name: params.subject(self.method()),
        }
    }

    /// The id that a response answers.
    pub(super) fn answered_id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Response(id) => id.as_ref(),
            _ => None,
        }
    }

    pub(super) fn params(&self) -> Option<&ByteString> {
        self.params.as_ref()
    }

    /// The parameters read as a `T`; its default where there are none, or others.
    pub(super) fn read_params<'a, T: Deserialize<'a> + Default>(&'a self) -> T {
        self.params
            .as_ref()
            .and_then(|params| serde_json::from_str(params).ok())
            .unwrap_or_default()
    }

    pub(super) fn outcome(&self) -> Option<Outcome<'_>> {
        let outcome = self.outcome.as_ref()?;
        if self.is_error {
            return Some(Outcome::Error(outcome));
        }
        Some(Outcome::Result(outcome))
    }

    /// The request that a `notifications/cancelled` is about.
    pub(crate) fn cancelled_id(&self) -> Option<Id> {
        #[derive(Deserialize, Default)]
        struct Cancelled<'a> {
            #[serde(borrow, rename = "requestId", default)]
            request: Option<&'a RawValue>,
        }
        if self.kind != Kind::Notification || self.method() != "notifications/cancelled" {
            return None;
        }
        Id::read(self.read_params::<Cancelled<'_>>().request?.get())
    }

    pub(super) fn request(id: Id, method: &str, params: Option<&str>) -> Self {
        let name = serde_json::Value::from(method);
        let mut text = format!(r#"{{"jsonrpc":"2.0","id":{},"method":{name}"#, id.json());
        let params = push_params(&mut text, params);
        Self::written(text, Kind::Request(id), method, params, None, false)
    }

    pub(super) fn notification(method: &str, params: Option<&str>) -> Self {
        let name = serde_json::Value::from(method);
        let mut text = format!(r#"{{"jsonrpc":"2.0","method":{name}"#);
        let params = push_params(&mut text, params);
        Self::written(text, Kind::Notification, method, params, None, false)
    }

    pub(super) fn cancelled(id: &Id) -> Self {
        let params = format!(r#"{{"requestId":{}}}"#, id.json());
        Self::notification("notifications/cancelled", Some(&params))
    }

    pub(crate) fn result(id: Id, result: &str) -> Self {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":"#, id.json());
        Self::response(text, Some(id), result, false)
    }

    /// A response with an error object, as JSON.
    pub(crate) fn failure(id: Id, error: &str) -> Self {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"error":"#, id.json());
        Self::response(text, Some(id), error, true)
    }

    /// A response with an error; `None` for a request whose id cannot be used.
    pub(crate) fn error(id: Option<Id>, code: i64, message: &str) -> Self {
        let error = error_object(code, message, None);
        match id {
            Some(id) => Self::failure(id, &error),
            None => Self::response(
                r#"{"jsonrpc":"2.0","error":"#.to_owned(),
                None,
                &error,
                true,
            ),
        }
    }

    fn response(mut text: String, id: Option<Id>, outcome: &str, is_error: bool) -> Self {
        let start = text.len();
        text.push_str(outcome);
        let span = (start, text.len());
        text.push('}');
        Self::written(text, Kind::Response(id), "", None, Some(span), is_error)
    }

    fn written(
        text: String,
        kind: Kind,
        method: &str,
        params: Option<(usize, usize)>,
        outcome: Option<(usize, usize)>,
        is_error: bool,
    ) -> Self {
        let text = ByteString::from(text);
        let part = |(start, end): (usize, usize)| text.get(start..end).map(|s| text.slice_ref(s));
        Self {
            params: params.and_then(part),
            outcome: outcome.and_then(part),
            kind,
            method: method.into(),
            is_error,
            origin: Origin::Peer,
            report: None,
            stream: None,
            text,
        }
    }
}

/// Two messages are equal if their text is, and if they belong to the same request.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.stream == other.stream
    }
}

impl Eq for Message {}

/// Writes the parameters and the closing brace, and returns where the parameters are.
fn push_params(text: &mut String, params: Option<&str>) -> Option<(usize, usize)> {
    let span = params.map(|params| {
        text.push_str(r#","params":"#);
        let start = text.len();
        text.push_str(params);
        (start, text.len())
    });
    text.push('}');
    span
}

/// An error object, as JSON. `data` is JSON too.
pub(super) fn error_object(code: i64, message: &str, data: Option<&str>) -> String {
    let message = serde_json::Value::from(message);
    match data {
        Some(data) => format!(r#"{{"code":{code},"message":{message},"data":{data}}}"#),
        None => format!(r#"{{"code":{code},"message":{message}}}"#),
    }
}

/// The code of an error object; 0 where there is none.
pub(super) fn error_code(error: &str) -> i64 {
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    serde_json::from_str(error).map_or(0, |error: Code| error.code)
}

/// The message of an error object.
pub(super) fn error_message(error: &str) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    serde_json::from_str(error)
        .map_or_else(|_| "no reason given".to_owned(), |e: Message| e.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_message_keeps_its_parts() {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"\u0061b", "params" : {"é":1}}]"#;
        let text = crate::message::split(batch).unwrap()[0];
        let peek = Peek::at(text).unwrap();
        let message = Message::copy(text, &peek);
        let again = message.peek();
        assert_eq!((&again.kind, &*again.method), (&peek.kind, "ab"));
        assert_eq!(again.params, Some(r#"{"é":1}"#));
        assert_eq!((again.result, again.error), (None, None));
    }

    #[test]
    fn written_messages_read_as_what_they_are() {
        let id = Id::read("\"x\"").unwrap();
        for message in [
            Message::request(id.clone(), "a\"b", Some(r#"{"x":1}"#)),
            Message::request(id.clone(), "ping", None),
            Message::notification("n", Some("{}")),
            Message::cancelled(&id),
            Message::result(id.clone(), "{}"),
            Message::error(Some(id.clone()), -1, "\n"),
            Message::error(None, -1, ""),
        ] {
            let read = Message::parse(message.text().to_owned()).unwrap();
            assert_eq!(read.kind, message.kind);
            assert_eq!(read.method, message.method);
            assert_eq!(read.params, message.params);
            assert_eq!(read.outcome, message.outcome);
            assert!(read.outcome.is_none() || read.is_error == message.is_error);
        }
        assert_eq!(Message::cancelled(&id).cancelled_id(), Some(id));
    }

    #[test]
    fn text_that_is_no_message_is_refused() {
        for text in [
            "",
            "[]",
            r#"["2.0",1,"x"]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
        ] {
            assert!(Message::parse(text).is_none(), "{text}");
        }
    }
}
