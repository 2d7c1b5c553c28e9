//! JSON-RPC messages. Routing reads the kind, the id and the method, and nothing else.
//!
//! A message is passed on with the bytes it came in.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use farport_core::envelope::MAX_ID_BYTES;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A request id or a progress token, as the JSON text that all its spellings share.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// Reads an id from JSON. `None` for anything but a string or a number, and for more than 512
    /// bytes.
    pub fn read(json: &str) -> Option<Self> {
        let json = json.trim_ascii();
        if json.len() > MAX_ID_BYTES {
            return None;
        }
        // Most ids are written in their only spelling.
        let inner = json
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let plain = match inner {
            Some(text) => text
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')),
            None => !json.is_empty() && json.len() < 18 && json.bytes().all(|b| b.is_ascii_digit()),
        };
        if plain && !(inner.is_none() && json.len() > 1 && json.starts_with('0')) {
            return Some(Self(json.into()));
        }
        Self::of_value(&serde_json::from_str(json).ok()?)
    }

    /// Reads an id; `None` unless it is a string or a number.
    pub(crate) fn of(raw: &RawValue) -> Option<Self> {
        Self::read(raw.get())
    }

    /// The id that this value is; `None` unless it is a string or a number.
    pub(crate) fn of_value(value: &serde_json::Value) -> Option<Self> {
        (value.is_string() || value.is_number()).then(|| Self(value.to_string().into()))
    }

    /// An id of our own. `name` has no character that JSON escapes.
    pub(crate) fn ours(name: &str, number: u64) -> Self {
        Self(format!("\"farport-{name}-{number}\"").into())
    }

    /// The id as JSON.
    pub fn json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request, which has one response.
    Request(Id),
    /// A notification, which has no response.
    Notification,
    /// The response to a request; `None` for an error that names no request.
    Response(Option<Id>),
}

/// The parts of a message, borrowed from its text.
#[derive(Debug)]
pub(crate) struct Peek<'a> {
    pub(crate) kind: Kind,
    /// Empty for a response.
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a str>,
    pub(crate) result: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// A member counts as present also when it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Peek<'a> {
    /// Reads a message. `None` for a text that is no JSON-RPC 2.0 message.
    pub(crate) fn at(text: &'a str) -> Option<Self> {
        // serde would take an array for the members in their order.
        if !text.trim_ascii_start().starts_with('{') {
            return None;
        }
        let wire: Wire<'a> = serde_json::from_str(text).ok()?;
        if wire.jsonrpc != "2.0" {
            return None;
        }
        let answers = wire.result.is_some() || wire.error.is_some();
        let kind = match (wire.method, wire.id, answers) {
            (Some(_), Some(id), false) => Kind::Request(Id::of(id)?),
            (Some(_), None, false) => Kind::Notification,
            (None, Some(id), true) if id.get() == "null" && wire.error.is_some() => {
                Kind::Response(None)
            }
            (None, Some(id), true) => Kind::Response(Some(Id::of(id)?)),
            (None, None, true) if wire.error.is_some() => Kind::Response(None),
            _ => return None,
        };
        Some(Self {
            kind,
            method: wire
                .method
                .map_or(Some(Cow::Borrowed("")), |raw| text_of(raw.get()))?,
            params: wire.params.map(RawValue::get),
            result: wire.result.map(RawValue::get),
            error: wire.error.map(RawValue::get),
        })
    }

    /// Reads the parameters as a `T`; returns the default without parameters, or for others.
    pub(crate) fn params<T: Deserialize<'a> + Default>(&self) -> T {
        read_or_default(self.params)
    }
}

/// The text of a JSON string; `None` for other JSON.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match inner.filter(|inner| !inner.contains('\\')) {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// Reads JSON as a `T`; returns the default without JSON, or when it is something else.
pub(crate) fn read_or_default<'a, T: Deserialize<'a> + Default>(json: Option<&'a str>) -> T {
    json.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// The messages of a body: itself, or those of a batch (2025-03-26). `None` for what is not JSON.
pub(crate) fn split(text: &str) -> Option<Vec<&str>> {
    if !text.trim_ascii_start().starts_with('[') {
        return Some(vec![text]);
    }
    let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(entries.into_iter().map(RawValue::get).collect())
}

/// The progress token of a `notifications/progress`.
pub(crate) fn progress_token(peek: &Peek<'_>) -> Option<Id> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Progress<'a> {
        #[serde(borrow, default)]
        progress_token: Option<&'a RawValue>,
    }
    let progress: Progress<'_> = peek.params();
    progress.progress_token.and_then(Id::of)
}

/// Reads the id of an object that is no message.
pub(crate) fn id_of(text: &str) -> Option<Id> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    Id::of(serde_json::from_str::<Named<'_>>(text).ok()?.id)
}

/// A response with a result.
pub(crate) fn result(id: &Id, result: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
        id.json()
    )
}

/// A response with an error. `None` stands for a request whose id could not be read.
pub(crate) fn error(id: Option<&Id>, code: i64, message: &str) -> String {
    let id = id.map_or(String::new(), |id| format!(r#""id":{},"#, id.json()));
    let message = serde_json::Value::from(message);
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":{code},"message":{message}}}}}"#)
}

/// A request.
pub(crate) fn request(id: &Id, method: &str, params: &str) -> String {
    let method = serde_json::Value::from(method);
    format!(
        r#"{{"jsonrpc":"2.0","id":{},"method":{method},"params":{params}}}"#,
        id.json()
    )
}

/// A notification.
pub(crate) fn notification(method: &str, params: &str) -> String {
    let method = serde_json::Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#)
}

/// The message of a JSON-RPC error object, for people.
pub(crate) fn error_text(error: &str) -> String {
    #[derive(Deserialize, Default)]
    struct Fields {
        #[serde(default)]
        message: String,
        #[serde(default)]
        code: i64,
    }
    let error: Fields = read_or_default(Some(error));
    if error.message.is_empty() {
        return format!("error {}", error.code);
    }
    format!("{} ({})", error.message, error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_classified_by_its_members() {
        for (text, expect) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request 1"),
            (
                r#" {"id":"\u0061","jsonrpc":"2.0","method":"x"} "#,
                "request \"a\"",
            ),
            (r#"{"jsonrpc":"2.0","method":"x"}"#, "notification"),
            (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, "response 7"),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
                "response to none",
            ),
            (r#"{"jsonrpc":"2.0","error":{}}"#, "response to none"),
            (
                r#"{"jsonrpc":"2.0","id":1.5,"method":"x","more":[[]]}"#,
                "request 1.5",
            ),
            ("", "nothing"),
            ("log line", "nothing"),
            ("[]", "nothing"),
            (r#"["2.0",1,"x",{}]"#, "nothing"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, "nothing"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, "nothing"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#,
                "nothing",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#, "nothing"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "nothing"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x"}{}"#, "nothing"),
        ] {
            let said = match Peek::at(text).map(|peek| peek.kind) {
                Some(Kind::Request(id)) => format!("request {}", id.json()),
                Some(Kind::Notification) => "notification".to_owned(),
                Some(Kind::Response(Some(id))) => format!("response {}", id.json()),
                Some(Kind::Response(None)) => "response to none".to_owned(),
                None => "nothing".to_owned(),
            };
            assert_eq!(said, expect, "{text}");
        }
    }

    #[test]
    fn all_spellings_of_an_id_are_one_id() {
        for (left, right) in [
            ("7", " 7 "),
            (r#""a""#, r#""\u0061""#),
            (r#""a\"b""#, r#""\u0061\u0022b""#),
        ] {
            assert_eq!(Id::read(left), Id::read(right), "{left} {right}");
        }
        assert_ne!(Id::read("7"), Id::read(r#""7""#));
        let long = "1".repeat(MAX_ID_BYTES + 1);
        for text in [
            "", "null", "true", "[]", "{}", "07", "\"", "\"a\"b\"", "-", &long,
        ] {
            assert_eq!(Id::read(text), None, "{text}");
        }
        for text in ["0", "-3", "1.5", "\"\"", "99999999999999999999"] {
            assert!(Id::read(text).is_some(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_not_followed() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(Peek::at(&deep).is_some());
    }

    #[test]
    fn what_we_write_reads_as_what_it_is() {
        let id = Id::ours("reinit", 3);
        assert_eq!(
            Peek::at(&error(Some(&id), -32000, "a \"quoted\"\nline"))
                .unwrap()
                .kind,
            Kind::Response(Some(id.clone()))
        );
        let text = request(&id, "roots/list", "{}");
        let peek = Peek::at(&text).unwrap();
        assert_eq!(
            (peek.kind, &*peek.method),
            (Kind::Request(id), "roots/list")
        );
    }
}
