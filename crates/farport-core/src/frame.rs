//! Encodes outgoing JSON-RPC messages.

use bytes::Bytes;
use serde::Serialize;

use crate::{RawJson, RequestId, RpcError};

const OPEN: &[u8] = br#"{"jsonrpc":"2.0","id":"#;

/// The server information for the `_meta` of a modern result.
#[derive(Clone, Copy, Debug)]
pub struct ServerInfo<'a> {
    /// An `Implementation`, as JSON.
    pub json: &'a RawJson,
    /// Whether the caller knows that the result has no `_meta`. This saves a search for it.
    pub alone: bool,
}

/// Encodes a response with `result`, which is serialized directly into the frame.
///
/// Adds `server_info` to the result's `_meta` (2026-07-28, "Result metadata"), unless the result
/// already has a `serverInfo` there.
///
/// # Errors
/// If `result` cannot be serialized.
pub fn response<T: Serialize + ?Sized>(
    id: &RequestId,
    result: &T,
    server_info: Option<ServerInfo<'_>>,
) -> Result<Bytes, serde_json::Error> {
    let mut frame = Vec::with_capacity(512);
    frame.extend_from_slice(OPEN);
    serde_json::to_writer(&mut frame, id)?;
    frame.extend_from_slice(br#","result":"#);
    match server_info {
        None => serde_json::to_writer(&mut frame, result)?,
        Some(info) if info.alone => with_meta_before(&mut frame, result, info.json)?,
        Some(info) => with_meta_among(&mut frame, result, info.json)?,
    }
    frame.push(b'}');
    Ok(Bytes::from(frame))
}

/// Returns a response with another id, for a call that started as request `from`.
pub fn readdressed(frame: Bytes, from: &RequestId, to: &RequestId) -> Bytes {
    if from == to {
        return frame;
    }
    let [Ok(old), Ok(new)] = [from, to].map(serde_json::to_vec) else {
        return frame;
    };
    // The frames of this module start with the id.
    let rest = frame.strip_prefix(OPEN);
    if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(&*old))
        && rest.starts_with(b",")
    {
        return [OPEN, &new, rest].concat().into();
    }
    // A server that writes its own frames.
    let members = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&frame);
    let Ok(mut members) = members else {
        return frame;
    };
    let Ok(id) = serde_json::to_value(to) else {
        return frame;
    };
    members.insert("id".to_owned(), id);
    serde_json::to_vec(&members).map_or(frame, Bytes::from)
}

/// Writes `_meta`, then the members of a result without `_meta`.
fn with_meta_before<T: Serialize + ?Sized>(
    frame: &mut Vec<u8>,
    result: &T,
    info: &RawJson,
) -> Result<(), serde_json::Error> {
    let whole = frame.len();
    frame.extend_from_slice(br#"{"_meta":{"io.modelcontextprotocol/serverInfo":"#);
    frame.extend_from_slice(info.as_bytes());
    frame.push(b'}');
    let start = frame.len();
    serde_json::to_writer(&mut *frame, result)?;
    match frame.get_mut(start..) {
        Some([b'{', b'}']) => frame.truncate(start),
        Some([open @ b'{', ..]) => {
            *open = b',';
            return Ok(());
        }
        // Only an object can have metadata.
        _ => {
            frame.drain(whole..start);
            return Ok(());
        }
    }
    frame.push(b'}');
    Ok(())
}

/// Adds the server information to a result that may have a `_meta`.
fn with_meta_among<T: Serialize + ?Sized>(
    frame: &mut Vec<u8>,
    result: &T,
    info: &RawJson,
) -> Result<(), serde_json::Error> {
    use serde_json::{Map, Value, map::Entry};
    let mut result = serde_json::to_value(result)?;
    if let Value::Object(members) = &mut result {
        let meta = members
            .entry("_meta")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(meta) = meta
            && let Entry::Vacant(vacant) = meta.entry("io.modelcontextprotocol/serverInfo")
        {
            vacant.insert(info.parse()?);
        }
    }
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

/// Encodes an error response. Without an `id`, it omits the member, as revisions since 2025-11-25
/// require. With `null_id`, it writes `"id":null` instead, as JSON-RPC and batches require.
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
    // This can only fail if `data` is not valid JSON.
    Bytes::from(frame.unwrap_or_else(|_| {
        br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error"}}"#
            .to_vec()
    }))
}

/// Encodes the frames of a batch as a JSON array.
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
    fn server_info_is_added_to_the_meta_of_a_result() {
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
            let has_meta = result.get("_meta").is_some();
            let both = if has_meta {
                &[false][..]
            } else {
                &[false, true]
            };
            for &alone in both {
                let info = ServerInfo { json: &info, alone };
                let frame = response(&RequestId::Integer(1), &result, Some(info)).unwrap();
                let frame: Value = serde_json::from_slice(&frame).unwrap();
                assert_eq!(frame["result"]["_meta"], meta, "{result}");
                assert_eq!(frame["result"].get("a"), result.get("a"));
                assert_eq!(frame["id"], 1);
            }
        }
        for alone in [false, true] {
            let info = ServerInfo { json: &info, alone };
            let frame = response(&RequestId::Integer(1), &[1], Some(info)).unwrap();
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            assert_eq!(frame["result"], json!([1]));
        }
    }

    #[test]
    fn an_error_without_an_id_omits_it_or_has_null() {
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
    fn a_response_can_be_readdressed() {
        let (one, two) = (RequestId::Integer(1), RequestId::String("two".into()));
        let whole = br#"{"jsonrpc":"2.0","id":1,"result":{"id":1}}"#;
        for frame in [&whole[..], br#"{"id":1,"result":{"id":1},"jsonrpc":"2.0"}"#] {
            let moved = readdressed(Bytes::copy_from_slice(frame), &one, &two);
            let moved: Value = serde_json::from_slice(&moved).unwrap();
            assert_eq!(
                moved,
                json!({"jsonrpc": "2.0", "id": "two", "result": {"id": 1}})
            );
            let same = readdressed(Bytes::copy_from_slice(frame), &one, &one);
            assert_eq!(same, frame);
        }
    }

    #[test]
    fn a_batch_is_an_array_of_its_frames() {
        let frames = [Bytes::from_static(b"1"), Bytes::from_static(b"{}")];
        assert_eq!(batch(&frames), Bytes::from_static(b"[1,{}]"));
    }
}
