//! Messages that go out, as bytes.

use bytes::Bytes;
use serde::Serialize;

use crate::{RawJson, RequestId, RpcError};

const OPEN: &[u8] = br#"{"jsonrpc":"2.0","id":"#;

/// A response with `result`, which is serialised straight into the frame.
///
/// `server_info`, when given, is the JSON of an `Implementation` that stands in the result's
/// `_meta` (2026-07-28, "Result metadata"); a `serverInfo` that the result already carries stays.
///
/// # Errors
/// When `result` does not serialise.
pub fn response<T: Serialize + ?Sized>(
    id: &RequestId,
    result: &T,
    server_info: Option<&RawJson>,
) -> Result<Bytes, serde_json::Error> {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(OPEN);
    serde_json::to_writer(&mut frame, id)?;
    frame.extend_from_slice(br#","result":"#);
    let start = frame.len();
    serde_json::to_writer(&mut frame, result)?;
    if let Some(info) = server_info {
        stamp(&mut frame, start, info)?;
    }
    frame.push(b'}');
    Ok(Bytes::from(frame))
}

const META: &[u8] = br#"{"_meta":{"io.modelcontextprotocol/serverInfo":"#;
const META_KEY: &[u8] = br#""_meta""#;

/// Puts the server's name into the `_meta` of the object that starts at `start`.
fn stamp(frame: &mut Vec<u8>, start: usize, info: &RawJson) -> Result<(), serde_json::Error> {
    let result = frame.get(start..).unwrap_or_default();
    if result.first() != Some(&b'{') {
        return Ok(());
    }
    if result
        .windows(META_KEY.len())
        .any(|window| window == META_KEY)
    {
        return stamp_beside(frame, start, info);
    }
    let empty = result.get(1) == Some(&b'}');
    let rest = frame.split_off(start + 1);
    frame.truncate(start);
    frame.reserve(META.len() + info.as_bytes().len() + rest.len() + 4);
    frame.extend_from_slice(META);
    frame.extend_from_slice(info.as_bytes());
    frame.push(b'}');
    if !empty {
        frame.push(b',');
    }
    frame.extend_from_slice(&rest);
    Ok(())
}

/// The same for a result that has a `_meta`, its own or one further down.
fn stamp_beside(
    frame: &mut Vec<u8>,
    start: usize,
    info: &RawJson,
) -> Result<(), serde_json::Error> {
    use serde_json::{Map, Value, map::Entry};
    let mut result: Map<String, Value> =
        serde_json::from_slice(frame.get(start..).unwrap_or_default())?;
    let meta = result
        .entry("_meta")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(meta) = meta
        && let Entry::Vacant(vacant) = meta.entry("io.modelcontextprotocol/serverInfo")
    {
        vacant.insert(info.parse()?);
    }
    frame.truncate(start);
    serde_json::to_writer(frame, &result)
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: i64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawJson>,
}

#[derive(Serialize)]
struct ErrorFrame<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RequestId>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct IdlessErrorFrame<'a> {
    jsonrpc: &'static str,
    error: ErrorBody<'a>,
}

/// An error response. Without an `id` the member is left out, as the revisions since 2025-11-25
/// have it; `null_id` writes `"id":null` instead, which JSON-RPC itself and batches want.
pub fn error(id: Option<&RequestId>, error: &RpcError, null_id: bool) -> Bytes {
    let body = ErrorBody {
        code: error.code.0,
        message: &error.message,
        data: error.data.as_ref(),
    };
    let frame = if id.is_some() || null_id {
        serde_json::to_vec(&ErrorFrame {
            jsonrpc: "2.0",
            id,
            error: body,
        })
    } else {
        serde_json::to_vec(&IdlessErrorFrame {
            jsonrpc: "2.0",
            error: body,
        })
    };
    // Only a `data` that is not JSON can fail, and then the error goes without it.
    Bytes::from(frame.unwrap_or_else(|_| {
        br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error"}}"#
            .to_vec()
    }))
}

/// The frames of a batch as one JSON array.
pub fn batch(frames: &[Bytes]) -> Bytes {
    let length: usize = frames.iter().map(|frame| frame.len() + 1).sum();
    let mut array = Vec::with_capacity(length + 2);
    array.push(b'[');
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            array.push(b',');
        }
        array.extend_from_slice(frame);
    }
    array.push(b']');
    Bytes::from(array)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn server_info_joins_the_meta_of_a_result() {
        let info = RawJson::from(r#"{"name":"s","version":"1"}"#.to_owned());
        let stamped = json!({"name": "s", "version": "1"});
        for (result, meta) in [
            (
                json!({}),
                json!({"io.modelcontextprotocol/serverInfo": stamped}),
            ),
            (
                json!({"a": 1}),
                json!({"io.modelcontextprotocol/serverInfo": stamped}),
            ),
            (
                json!({"a": [{"_meta": {"b": 1}}]}),
                json!({"io.modelcontextprotocol/serverInfo": stamped}),
            ),
            (
                json!({"_meta": {"x": 1}}),
                json!({"x": 1, "io.modelcontextprotocol/serverInfo": stamped}),
            ),
            (
                json!({"_meta": {"io.modelcontextprotocol/serverInfo": {"name": "own"}}}),
                json!({"io.modelcontextprotocol/serverInfo": {"name": "own"}}),
            ),
        ] {
            let frame = response(&RequestId::Integer(1), &result, Some(&info)).unwrap();
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            assert_eq!(frame["result"]["_meta"], meta, "{result}");
            assert_eq!(frame["result"].get("a"), result.get("a"));
            assert_eq!(frame["id"], 1);
        }
    }

    #[test]
    fn an_error_without_an_id_leaves_it_out_or_says_null() {
        let parse = RpcError::parse("no");
        assert!(
            !error(None, &parse, false)
                .windows(4)
                .any(|w| w == b"\"id\"")
        );
        let value: Value = serde_json::from_slice(&error(None, &parse, true)).unwrap();
        assert_eq!(value["id"], Value::Null);
        assert_eq!(value["error"]["code"], -32700);
    }

    #[test]
    fn a_batch_is_an_array_of_its_frames() {
        let frames = [Bytes::from_static(b"1"), Bytes::from_static(b"{}")];
        assert_eq!(batch(&frames), Bytes::from_static(b"[1,{}]"));
    }
}
