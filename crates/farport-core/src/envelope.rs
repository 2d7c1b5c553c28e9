//! Parses JSON-RPC envelopes.
//!
//! This module parses only the envelope. `params`, `result` and `error` stay text ([`RawJson`]) that
//! shares the memory of the body.

mod scan;

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ErrorCode, Method, RpcError,
    json::{self, RawJson},
};

pub use scan::{MAX_DEPTH, MAX_MEMBERS};

/// The maximum number of messages in a batch.
pub const MAX_BATCH: usize = 100;

/// The maximum length of a request id, in bytes.
pub const MAX_ID_BYTES: usize = 512;

/// A JSON-RPC request id: a string or an integer, never null (MCP, "Requests").
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// An integer id.
    Integer(i64),
    /// A string id.
    String(Box<str>),
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::String(id) => id.fmt(f),
        }
    }
}

/// A request, which requires a response.
#[derive(Clone, Debug)]
pub struct Request {
    /// The id, which the response repeats.
    pub id: RequestId,
    /// The method.
    pub method: Method,
    /// The parameters: an object, if present.
    pub params: Option<RawJson>,
}

/// A notification, which has no response.
#[derive(Clone, Debug)]
pub struct Notification {
    /// The method.
    pub method: Method,
    /// The parameters: an object, if present.
    pub params: Option<RawJson>,
}

/// The outcome of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The `result` member.
    Result(RawJson),
    /// The `error` member.
    Error(RawJson),
}

/// A response to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The id of the request; `None` for an error about no particular request.
    pub id: Option<RequestId>,
    /// The result or the error.
    pub outcome: Outcome,
}

/// One JSON-RPC message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A notification.
    Notification(Notification),
    /// A response.
    Response(Response),
}

/// The content of a body.
#[derive(Clone, Debug)]
pub enum Body {
    /// One message.
    Single(Message),
    /// A batch, in order. An invalid entry is the error to respond with.
    Batch(Vec<Result<Message, Rejected>>),
}

/// The error for an invalid body or batch entry, and the id of its response.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The id of the request, if it was valid.
    pub id: Option<RequestId>,
    /// The error for the peer.
    pub error: RpcError,
}

impl From<RpcError> for Rejected {
    fn from(error: RpcError) -> Self {
        Self { id: None, error }
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Present<'a>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Present<'a>,
    #[serde(borrow, default)]
    error: Present<'a>,
}

/// A member that may be absent. Unlike with `Option`, null counts as present.
#[derive(Default)]
struct Present<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Present<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// Parses a request body.
///
/// ```
/// use farport_core::{Message, envelope::{self, Body}};
///
/// let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.into();
/// assert!(matches!(envelope::parse(&body), Ok(Body::Single(Message::Request(_)))));
/// ```
///
/// # Errors
/// - -32700 if the body is not JSON, nests deeper than [`MAX_DEPTH`], or has more than
///   [`MAX_MEMBERS`] members.
/// - -32600 if the JSON is not a JSON-RPC 2.0 message, the id is neither a string nor an integer, a
///   member is repeated, or a batch is empty or has more than [`MAX_BATCH`] entries.
/// - -32602 if the parameters are not an object.
pub fn parse(body: &Bytes) -> Result<Body, Rejected> {
    scan::check(body)?;
    let Ok(body) = ByteString::try_from(body.clone()) else {
        return Err(RpcError::parse("The body is not UTF-8").into());
    };
    let first = body
        .as_bytes()
        .iter()
        .find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return message(&body, &body).map(Body::Single);
    }
    let entries: Vec<&RawValue> = serde_json::from_str(&body).map_err(not_json)?;
    if entries.is_empty() {
        return Err(RpcError::invalid_request("A batch must not be empty").into());
    }
    if entries.len() > MAX_BATCH {
        return Err(RpcError::invalid_request("The batch has too many entries").into());
    }
    let messages = entries.into_iter().map(|entry| message(&body, entry.get()));
    Ok(Body::Batch(messages.collect()))
}

fn not_json(error: serde_json::Error) -> Rejected {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => RpcError::invalid_request("Not a JSON-RPC 2.0 message").into(),
        Category::Syntax | Category::Eof | Category::Io => {
            RpcError::parse("The body is not valid JSON").into()
        }
    }
}

fn message(body: &ByteString, text: &str) -> Result<Message, Rejected> {
    // The derived reader would accept an array as the members in order.
    if text.trim_ascii_start().starts_with('[') {
        return Err(RpcError::invalid_request("Not a JSON-RPC 2.0 message").into());
    }
    let wire: Wire<'_> = serde_json::from_str(text).map_err(not_json)?;
    let id = match wire.id.0.map(read_id) {
        Some(Ok(id)) => Some(id),
        // An error response may have a null id, if the peer could not read ours.
        Some(Err(IdProblem::Null)) if wire.error.0.is_some() => None,
        Some(Err(_)) => {
            let error = RpcError::invalid_request("The id must be a string or an integer");
            return Err(error.into());
        }
        None => None,
    };
    let reject = |code, message| Rejected {
        id: id.clone(),
        error: RpcError::new(code, message),
    };
    if wire.jsonrpc.map(RawValue::get) != Some(r#""2.0""#) {
        return Err(reject(
            ErrorCode::INVALID_REQUEST,
            "jsonrpc must be \"2.0\"",
        ));
    }
    let answers = usize::from(wire.result.0.is_some()) + usize::from(wire.error.0.is_some());
    let Some(method) = wire.method else {
        return response(body, &wire, id.clone())
            .ok_or_else(|| reject(ErrorCode::INVALID_REQUEST, "Not a JSON-RPC 2.0 message"));
    };
    if answers != 0 {
        return Err(reject(
            ErrorCode::INVALID_REQUEST,
            "A message must be a request or a response",
        ));
    }
    let Some(name) = json::text(method) else {
        return Err(reject(
            ErrorCode::INVALID_REQUEST,
            "method must be a string",
        ));
    };
    let method = Method::parse(&name);
    let params = match wire.params {
        None => None,
        Some(raw) if raw.get().starts_with('{') => Some(RawJson::slice(body, raw)),
        Some(raw) if raw.get() == "null" => None,
        Some(_) => {
            return Err(reject(
                ErrorCode::INVALID_PARAMS,
                "params must be an object",
            ));
        }
    };
    Ok(match id {
        Some(id) => Message::Request(Request { id, method, params }),
        None => Message::Notification(Notification { method, params }),
    })
}

fn response(body: &ByteString, wire: &Wire<'_>, id: Option<RequestId>) -> Option<Message> {
    let outcome = match (wire.result.0, wire.error.0) {
        (Some(result), None) if id.is_some() => Outcome::Result(RawJson::slice(body, result)),
        (None, Some(error)) => Outcome::Error(RawJson::slice(body, error)),
        _ => return None,
    };
    Some(Message::Response(Response { id, outcome }))
}

enum IdProblem {
    Null,
    Invalid,
}

fn read_id(raw: &RawValue) -> Result<RequestId, IdProblem> {
    if raw.get() == "null" {
        return Err(IdProblem::Null);
    }
    if raw.get().len() > MAX_ID_BYTES {
        return Err(IdProblem::Invalid);
    }
    if let Some(id) = json::text(raw) {
        return Ok(RequestId::String(id.into()));
    }
    // This accepts more than JSON numbers, but the JSON parser has already rejected those.
    let id = raw.get().parse().map_err(|_| IdProblem::Invalid)?;
    Ok(RequestId::Integer(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Body, Rejected> {
        parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_members_decide_the_kind_of_message() {
        for (text, expect) in [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                "request 1 ping",
            ),
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"x/y","params":{}}"#,
                "request a x/y {}",
            ),
            (
                r#" {"jsonrpc":"2.0","method":"notifications/initialized"} "#,
                "notification notifications/initialized",
            ),
            (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, "result 7 null"),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":1}}"#,
                "error - {\"code\":1}",
            ),
            (r#"{"jsonrpc":"2.0","id":-3,"error":{}}"#, "error -3 {}"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools\/list","params":null,"extra":[1]}"#,
                "request 1 tools/list",
            ),
        ] {
            let Ok(Body::Single(message)) = parse_text(text) else {
                panic!("{text}")
            };
            let seen = match message {
                Message::Request(r) => {
                    format!("request {} {} {}", r.id, r.method.as_str(), show(&r.params))
                }
                Message::Notification(n) => {
                    format!("notification {} {}", n.method.as_str(), show(&n.params))
                }
                Message::Response(r) => {
                    let id = r.id.map_or("-".into(), |id| id.to_string());
                    match r.outcome {
                        Outcome::Result(raw) => format!("result {id} {raw:?}"),
                        Outcome::Error(raw) => format!("error {id} {raw:?}"),
                    }
                }
            };
            assert_eq!(seen.trim_end(), expect);
        }
    }

    fn show(params: &Option<RawJson>) -> String {
        params
            .as_ref()
            .map(|params| format!("{params:?}"))
            .unwrap_or_default()
    }

    #[test]
    fn an_invalid_message_is_rejected_with_its_code() {
        for (text, code) in [
            ("", -32700),
            ("{", -32700),
            ("nope", -32700),
            ("{}{}", -32700),
            ("\u{0}", -32700),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\u{0}\"}",
                -32700,
            ),
            ("{}", -32600),
            ("1", -32600),
            ("\"text\"", -32600),
            ("[]", -32600),
            (r#"{"id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, -32600),
            (r#"{"JSONRPC":"2.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":[],"method":"ping"}"#, -32600),
            (
                r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#,
                -32600,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
                -32600,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
                -32600,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","result":{}}"#, -32600),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
                -32602,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#,
                -32602,
            ),
        ] {
            let Err(rejected) = parse_text(text) else {
                panic!("accepted {text}")
            };
            assert_eq!(rejected.error.code.0, code, "{text}");
        }
    }

    #[test]
    fn a_rejected_request_keeps_its_id() {
        let rejected = parse_text(r#"{"jsonrpc":"2.0","id":"k","method":"ping","params":3}"#);
        assert_eq!(
            rejected.unwrap_err().id,
            Some(RequestId::String("k".into()))
        );
    }

    #[test]
    fn a_batch_keeps_its_order_and_its_bad_entries() {
        let Ok(Body::Batch(entries)) = parse_text(
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},1,{"jsonrpc":"2.0","method":"x"}]"#,
        ) else {
            panic!("not a batch")
        };
        assert!(matches!(entries[0], Ok(Message::Request(_))));
        assert!(matches!(&entries[1], Err(rejected) if rejected.error.code.0 == -32600));
        assert!(matches!(entries[2], Ok(Message::Notification(_))));
        let one = r#"{"jsonrpc":"2.0","method":"x"}"#;
        assert!(parse_text(&format!("[{}]", vec![one; MAX_BATCH].join(","))).is_ok());
        assert!(parse_text(&format!("[{}]", vec![one; MAX_BATCH + 1].join(","))).is_err());
    }

    #[test]
    fn an_array_is_not_a_message() {
        let Ok(Body::Batch(entries)) = parse_text(r#"[["2.0",1,"ping",{},null,null]]"#) else {
            panic!("not a batch")
        };
        assert!(matches!(&entries[0], Err(rejected) if rejected.error.code.0 == -32600));
    }

    #[test]
    fn depth_and_members_are_bounded() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{open}{close}}}}}"#)
        };
        assert!(parse_text(&nested(MAX_DEPTH - 2)).is_ok());
        for depth in [MAX_DEPTH - 1, 100_000] {
            assert_eq!(parse_text(&nested(depth)).unwrap_err().error.code.0, -32700);
        }
        let members = |count: usize| {
            let members: Vec<String> = (0..count).map(|i| format!("\"k{i}\":0")).collect();
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{}}}}}"#,
                members.join(",")
            )
        };
        assert!(parse_text(&members(1000)).is_ok());
        assert!(parse_text(&members(MAX_MEMBERS + 1)).is_err());
        let brackets_in_text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":"{}\"{}"}}}}"#,
            "[".repeat(500),
            "{:".repeat(500)
        );
        assert!(parse_text(&brackets_in_text).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn parse_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512)) {
            let _ = parse(&Bytes::from(bytes));
        }

        #[test]
        fn ids_and_params_stay_as_sent(id in proptest::num::i64::ANY, key in "[a-z]{1,8}", value in proptest::num::f64::NORMAL) {
            let params = format!("{{ \"{key}\" : {value:e} }}");
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m","params":{params}}}"#);
            let Ok(Body::Single(Message::Request(request))) = parse_text(&text) else { panic!("{text}") };
            assert_eq!(request.id, RequestId::Integer(id));
            assert_eq!(request.params.unwrap().as_bytes(), params.as_bytes());
        }
    }
}
