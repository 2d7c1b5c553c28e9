//! `Mcp-Param-*` headers: the arguments that a tool's schema requires in a header.

mod number;

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use serde_json::{Value, value::RawValue};

use number::Number;

use super::{PARAM_PREFIX, decode, single};
use crate::{RawJson, RpcError};

/// A property of a tool's input schema that carries `x-mcp-header`.
#[derive(Clone, Debug)]
pub struct ParamHeader {
    header: HeaderName,
    path: Vec<Box<str>>,
}

impl ParamHeader {
    /// Finds the header annotations of an input schema. Only strings, integers and booleans that
    /// are reachable from the root through `properties` can have one (2026-07-28, "Schema
    /// Extension"); others are ignored.
    pub fn of_schema(schema: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        collect(schema, &mut Vec::new(), &mut found);
        found
    }
}

fn collect(schema: &Value, path: &mut Vec<Box<str>>, found: &mut Vec<ParamHeader>) {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return;
    };
    for (name, property) in properties {
        path.push(name.as_str().into());
        let kind = property.get("type").and_then(Value::as_str);
        if let Some(suffix) = property.get("x-mcp-header").and_then(Value::as_str)
            && matches!(kind, Some("string" | "integer" | "boolean"))
            && !suffix.is_empty()
            && let Ok(header) = HeaderName::try_from(format!("{PARAM_PREFIX}{suffix}"))
        {
            found.push(ParamHeader {
                header,
                path: path.clone(),
            });
        }
        collect(property, path, found);
        path.pop();
    }
}

pub(super) fn check(
    headers: &HeaderMap,
    arguments: Option<&RawJson>,
    params: &[ParamHeader],
) -> Result<(), RpcError> {
    if params.is_empty() {
        return Ok(());
    }
    let arguments = match arguments {
        Some(raw) => members(raw.read::<&RawValue>().map_err(|_| invalid_arguments())?)?,
        None => None,
    };
    for ParamHeader { header, path } in params {
        let value = find(arguments.as_ref(), path)?;
        let sent = single(headers, header)?;
        match (sent, value.filter(|value| value.get() != "null")) {
            (None, None) => {}
            (None, Some(_)) => {
                return Err(RpcError::header_mismatch(format_args!(
                    "{header} is missing"
                )));
            }
            (Some(_), None) => {
                return Err(RpcError::header_mismatch(format_args!(
                    "{header} has no argument in the body"
                )));
            }
            (Some(sent), Some(value)) => {
                let sent = decode(sent).ok_or_else(|| {
                    RpcError::header_mismatch(format_args!("{header} is not valid base64"))
                })?;
                if !same(&sent, value) {
                    return Err(RpcError::header_mismatch(format_args!(
                        "{header} differs from the argument in the body"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// The members of a JSON object, as raw text.
type Members<'a> = HashMap<String, &'a RawValue>;

fn members(raw: &RawValue) -> Result<Option<Members<'_>>, RpcError> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    let members = serde_json::from_str(raw.get());
    members.map(Some).map_err(|_| invalid_arguments())
}

fn find<'a>(
    arguments: Option<&Members<'a>>,
    path: &[Box<str>],
) -> Result<Option<&'a RawValue>, RpcError> {
    let (Some(arguments), Some((first, rest))) = (arguments, path.split_first()) else {
        return Ok(None);
    };
    let mut value = arguments.get(&**first).copied();
    for key in rest {
        let Some(outer) = value else { break };
        value = members(outer)?.and_then(|inner| inner.get(&**key).copied());
    }
    Ok(value)
}

fn invalid_arguments() -> RpcError {
    RpcError::invalid_params("arguments is malformed")
}

/// Compares a header with an argument. Numbers are compared exactly, by value: `42.0` and `4.2e1`
/// equal `42`, and `9007199254740993` differs from `9007199254740992`, although both are the same
/// double.
fn same(sent: &str, value: &RawValue) -> bool {
    let written = value.get();
    match written.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(written).is_ok_and(|text| text == sent),
        Some(b't' | b'f') => written == sent,
        Some(b'-' | b'0'..=b'9') => {
            let sent = Number::read(sent);
            sent.is_some() && sent == Number::read(written)
        }
        _ => false,
    }
}
