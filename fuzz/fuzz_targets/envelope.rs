//! Any body: what `envelope::parse` says of it has to agree with what serde_json reads.

#![no_main]

use bytes::Bytes;
use farport_core::envelope::{self, Body, Outcome, Rejected};
use farport_core::{Message, RawJson, RequestId, RequestMeta, frame};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let body = Bytes::copy_from_slice(body);
    let parsed = envelope::parse(&body);
    if parsed.is_ok() {
        let text = std::str::from_utf8(&body).expect("what is accepted is UTF-8");
        serde_json::from_str::<IgnoredAny>(text).expect("what is accepted is JSON");
    }
    // JSON by its grammar, and passed through unread, is more than a `Value` has room for: lone
    // surrogates and numbers of any size.
    let Ok(value) = serde_json::from_slice(&body) else {
        return;
    };
    match parsed {
        Ok(Body::Single(message)) => agrees(&message, &value),
        Ok(Body::Batch(entries)) => {
            let Value::Array(values) = value else {
                panic!("a batch is an array")
            };
            assert_eq!(entries.len(), values.len());
            for (entry, value) in entries.iter().zip(&values) {
                match entry {
                    Ok(message) => agrees(message, value),
                    Err(rejected) => answered(rejected),
                }
            }
        }
        Err(rejected) => answered(&rejected),
    }
});

fn read(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("what was accepted is JSON")
}

/// The message contains exactly the members of the JSON.
fn agrees(message: &Message, value: &Value) {
    assert_eq!(value["jsonrpc"], "2.0");
    match message {
        Message::Request(request) => {
            is_id(&request.id, &value["id"]);
            assert_eq!(request.method.as_str(), value["method"]);
            is_params(request.params.as_ref(), value);
            // Any outcome is fine here, as long as there is one.
            let _ = RequestMeta::read(&request.method, request.params.as_ref());
            let answer = frame::response(&request.id, &value["params"], None)
                .expect("a response is written");
            let answer = read(&answer);
            is_id(&request.id, &answer["id"]);
            assert_eq!(answer["result"], value["params"]);
        }
        Message::Notification(notification) => {
            assert!(value.get("id").is_none());
            assert_eq!(notification.method.as_str(), value["method"]);
            is_params(notification.params.as_ref(), value);
        }
        Message::Response(response) => {
            match &response.id {
                Some(id) => is_id(id, &value["id"]),
                None => assert!(value["id"].is_null()),
            }
            let (name, raw) = match &response.outcome {
                Outcome::Result(raw) => ("result", raw),
                Outcome::Error(raw) => ("error", raw),
            };
            assert_eq!(read(raw.as_bytes()), value[name]);
        }
    }
}

fn is_params(params: Option<&RawJson>, value: &Value) {
    let params = params.map_or(Value::Null, |params| read(params.as_bytes()));
    assert_eq!(params, value["params"]);
}

fn is_id(id: &RequestId, value: &Value) {
    match id {
        RequestId::Integer(id) => assert_eq!(value.as_i64(), Some(*id)),
        RequestId::String(id) => assert_eq!(value.as_str(), Some(&**id)),
    }
}

/// What is refused is answered with an error that is JSON itself.
fn answered(rejected: &Rejected) {
    assert!(rejected.error.code.0 < 0);
    let answer = read(&frame::error(rejected.id.as_ref(), &rejected.error, true));
    assert_eq!(answer["error"]["code"], rejected.error.code.0);
}
