//! JSON-RPC messages, looked at without taking them apart.
//!
//! A message goes through as the bytes it came in. Only what routing needs is read: what kind it
//! is, its id and its method.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A request id, as the JSON text that all spellings of it share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    /// The id of this JSON text; `None` for what is neither a string nor a number.
    pub(crate) fn of(raw: &RawValue) -> Option<Self> {
        Self::of_value(&serde_json::from_str(raw.get()).ok()?)
    }

    /// The id that this is; `None` for what is neither a string nor a number.
    pub(crate) fn of_value(value: &serde_json::Value) -> Option<Self> {
        (value.is_string() || value.is_number()).then(|| Self(value.to_string()))
    }

    /// An id of our own. `name` has no character that JSON escapes.
    pub(crate) fn ours(name: &str, number: u64) -> Self {
        Self(format!("\"farport-{name}-{number}\""))
    }

    /// The id as JSON.
    pub(crate) fn json(&self) -> &str {
        &self.0
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is owed a response.
    Request(Id),
    /// Nothing is owed.
    Notification,
    /// It answers a request; `None` for an error about no request in particular.
    Response(Option<Id>),
}

/// A message, looked at.
#[derive(Debug)]
pub(crate) struct Peek<'a> {
    pub(crate) kind: Kind,
    /// Empty for a response.
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a RawValue>,
    pub(crate) result: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// A member that is there counts, null or not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Peek<'a> {
    /// Looks at a message. `None` for what is no JSON-RPC 2.0 message.
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
        let kind = match (&wire.method, wire.id, answers) {
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
            method: wire.method.unwrap_or_default(),
            params: wire.params,
            result: wire.result,
            error: wire.error,
        })
    }

    /// The parameters read as a `T`; its default where there are none, or others.
    pub(crate) fn params<T: Deserialize<'a> + Default>(&self) -> T {
        read_or_default(self.params)
    }
}

/// A piece of JSON read as a `T`; its default where there is none, or something else.
pub(crate) fn read_or_default<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
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
pub(crate) fn error_text(error: &RawValue) -> String {
    #[derive(Deserialize, Default)]
    struct Told {
        #[serde(default)]
        message: String,
        #[serde(default)]
        code: i64,
    }
    let told: Told = read_or_default(Some(error));
    format!("{} ({})", told.message, told.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_by_its_members() {
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
