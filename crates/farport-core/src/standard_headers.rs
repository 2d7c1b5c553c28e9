//! Compares the HTTP headers that repeat parts of a 2026-07-28 request with its body.
//!
//! Proxies route and filter by these headers. If the server acted on a body with other values, a
//! client could get past such a proxy (2026-07-28, "Server Validation").

mod params;

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};

pub use params::ParamHeader;

use crate::{Method, RequestMeta, RpcError, SubjectField};

/// `MCP-Protocol-Version`
pub static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Method`
pub static METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`
pub static NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `Mcp-Session-Id`
pub static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The prefix of headers that repeat a tool's arguments.
pub const PARAM_PREFIX: &str = "mcp-param-";

/// Decodes a header value: `=?base64?...?=` is Base64, any other text is the value itself
/// (2026-07-28, "Value Encoding"). Returns `None` for invalid Base64 or UTF-8.
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = BASE64_STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

/// Returns the value of a header that occurs at most once, as visible ASCII.
///
/// # Errors
/// -32020 if the header is repeated, because two readers could each use a different value, or if it
/// contains other bytes.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RpcError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(RpcError::header_mismatch(format_args!(
            "{name} is repeated"
        )));
    }
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| RpcError::header_mismatch(format_args!("{name} contains invalid characters")))
}

/// Compares the standard headers of a modern request with its body.
///
/// # Errors
/// -32020 with the name of the header, if one is missing, malformed or different.
pub fn check(headers: &HeaderMap, method: &Method, meta: &RequestMeta) -> Result<(), RpcError> {
    let version = single(headers, &PROTOCOL_VERSION)?
        .ok_or_else(|| RpcError::header_mismatch("MCP-Protocol-Version is missing"))?;
    if Some(version) != meta.protocol_version.as_deref() {
        return Err(RpcError::header_mismatch(
            "MCP-Protocol-Version differs from the version in the body",
        ));
    }
    let named = single(headers, &METHOD)?
        .ok_or_else(|| RpcError::header_mismatch("Mcp-Method is missing"))?;
    same_method(named, method)?;
    let name = single(headers, &NAME)?;
    if let (Some(_), Some(subject)) = (SubjectField::of(method), meta.subject.as_deref()) {
        let name = name.ok_or_else(|| RpcError::header_mismatch("Mcp-Name is missing"))?;
        let name = decode(name)
            .ok_or_else(|| RpcError::header_mismatch("Mcp-Name is not valid base64"))?;
        if name != subject {
            return Err(RpcError::header_mismatch(
                "Mcp-Name differs from the name in the body",
            ));
        }
    }
    Ok(())
}

/// Compares the `Mcp-Param-*` headers of a tool call with its arguments. `params` are the header
/// annotations of the tool's input schema.
///
/// # Errors
/// -32020 with the name of the header, if one is missing, malformed, different, or repeats an
/// argument that is not in the body.
pub fn check_params(
    headers: &HeaderMap,
    meta: &RequestMeta,
    params: &[ParamHeader],
) -> Result<(), RpcError> {
    params::check(headers, meta.arguments.as_ref(), params)
}

/// Compares `Mcp-Method` with the body, if the client sent it. Other revisions do not have this
/// header, but a wrong one must not mislead a proxy.
///
/// # Errors
/// -32020 if the header names another method.
pub fn check_method(headers: &HeaderMap, method: &Method) -> Result<(), RpcError> {
    match single(headers, &METHOD)? {
        Some(named) => same_method(named, method),
        None => Ok(()),
    }
}

fn same_method(named: &str, method: &Method) -> Result<(), RpcError> {
    if named == method.as_str() {
        return Ok(());
    }
    Err(RpcError::header_mismatch(
        "Mcp-Method differs from the method in the body",
    ))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::RawJson;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    #[test]
    fn values_decode_as_in_the_specification() {
        for (value, expect) in [
            ("us-west1", Some("us-west1")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
            (
                "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
                Some("=?base64?literal?="),
            ),
            ("=?base64??=", Some("")),
            ("=?BASE64?IA==?=", Some("=?BASE64?IA==?=")),
            ("=?base64?%%%?=", None),
            ("=?base64?/w==?=", None),
        ] {
            assert_eq!(decode(value).as_deref(), expect, "{value}");
        }
    }

    fn both(
        headers: &HeaderMap,
        method: &Method,
        meta: &RequestMeta,
        params: &[ParamHeader],
    ) -> Result<(), RpcError> {
        check(headers, method, meta)?;
        check_params(headers, meta, params)
    }

    #[test]
    fn integers_are_compared_exactly() {
        let params = ParamHeader::of_schema(&json!({"type": "object", "properties": {
            "deep": {"type": "object", "properties": {
                "count": {"type": "integer", "x-mcp-header": "Count"}}}}}));
        for (written, sent, expect) in [
            ("9007199254740993", "9007199254740993", true),
            ("9007199254740993", "9007199254740992", false),
            ("9007199254740993", "9007199254740993.0", true),
            ("1e3", "1000", true),
            ("1000", "1e3", true),
            ("1.0", "1", true),
            ("-0", "0", true),
            ("0", "-0", true),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
                true,
            ),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
                false,
            ),
            ("1e999", "1e998", false),
            ("1e999", "10e998", true),
            ("1", "inf", false),
            ("\"1\"", "1", true),
            ("\"1\"", "1.0", false),
            ("[1]", "1", false),
        ] {
            let arguments = RawJson::from(format!("{{\"deep\": {{\"count\": {written}}}}}"));
            let meta = RequestMeta {
                arguments: Some(arguments),
                ..RequestMeta::default()
            };
            let headers = headers(&[("mcp-param-count", sent)]);
            let same = check_params(&headers, &meta, &params).is_ok();
            assert_eq!(same, expect, "{written} {sent}");
        }
    }

    #[test]
    fn headers_that_differ_from_the_body_are_rejected() {
        let params = ParamHeader::of_schema(&json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "deep": {"type": "object", "properties": {"flag": {"type": "boolean", "x-mcp-header": "Flag"}}},
        }}));
        let base = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "t"),
        ];
        let body = |arguments: serde_json::Value| {
            let params = json!({"name": "t", "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28"}});
            RequestMeta::read(&Method::ToolsCall, Some(&RawJson::from(params.to_string()))).unwrap()
        };
        let all = json!({"region": "é", "count": 42, "deep": {"flag": true}});
        let sent = [
            ("mcp-param-region", "=?base64?w6k=?="),
            ("mcp-param-count", "42.0"),
            ("mcp-param-flag", "true"),
        ];
        let with = |replace: &[(&str, &str)]| {
            let mut pairs: Vec<(&str, &str)> = base.into_iter().chain(sent).collect();
            pairs.retain(|(name, _)| !replace.iter().any(|(other, _)| other == name));
            pairs.extend(replace.iter().filter(|(_, value)| *value != "-"));
            headers(&pairs)
        };
        assert!(both(&with(&[]), &Method::ToolsCall, &body(all.clone()), &params).is_ok());
        for replace in [
            ("mcp-protocol-version", "-"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-method", "-"),
            ("mcp-method", "tools/list"),
            ("mcp-method", "Tools/Call"),
            ("mcp-name", "-"),
            ("mcp-name", "T"),
            ("mcp-name", "=?base64?!?="),
            ("mcp-param-region", "-"),
            ("mcp-param-region", "e"),
            ("mcp-param-count", "43"),
            ("mcp-param-count", "4 2"),
            ("mcp-param-count", "+42"),
            ("mcp-param-count", "042"),
            ("mcp-param-count", "\"42\""),
            ("mcp-param-flag", "True"),
        ] {
            let error = both(
                &with(&[replace]),
                &Method::ToolsCall,
                &body(all.clone()),
                &params,
            );
            assert_eq!(error.unwrap_err().code.0, -32020, "{replace:?}");
        }
        let absent = json!({"region": null});
        assert!(
            both(
                &headers(&base),
                &Method::ToolsCall,
                &body(absent.clone()),
                &params
            )
            .is_ok()
        );
        assert!(both(&with(&[]), &Method::ToolsCall, &body(absent), &params).is_err());
        let twice: Vec<_> = base
            .into_iter()
            .chain(sent)
            .chain([("mcp-name", "t")])
            .collect();
        assert!(both(&headers(&twice), &Method::ToolsCall, &body(all), &params).is_err());
    }
}
