//! `Mcp-Param-*`: arguments that a tool's schema asks to see in a header.

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::{PARAM_PREFIX, decode, single};
use crate::{RawJson, RpcError};

/// A property of a tool's input schema that carries `x-mcp-header`.
#[derive(Clone, Debug)]
pub struct ParamHeader {
    header: HeaderName,
    path: Vec<Box<str>>,
}

impl ParamHeader {
    /// The annotations of an input schema: those on strings, integers and booleans that are
    /// reached from the root through `properties` alone. Others are no annotations
    /// (2026-07-28, "Schema Extension").
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
    let arguments: Value = match arguments {
        Some(raw) => raw
            .parse()
            .map_err(|_| RpcError::invalid_params("arguments do not parse"))?,
        None => Value::Null,
    };
    for ParamHeader { header, path } in params {
        let value = path
            .iter()
            .try_fold(&arguments, |value, key| value.get(&**key));
        let sent = single(headers, header)?;
        match (sent, value.filter(|value| !value.is_null())) {
            (None, None) => {}
            (None, Some(_)) => {
                return Err(RpcError::header_mismatch(format_args!(
                    "{header} is missing"
                )));
            }
            (Some(_), None) => {
                return Err(RpcError::header_mismatch(format_args!(
                    "{header} stands for an argument that was not sent"
                )));
            }
            (Some(sent), Some(value)) => {
                let sent = decode(sent).ok_or_else(|| {
                    RpcError::header_mismatch(format_args!("{header} is not valid base64"))
                })?;
                if !same(&sent, value) {
                    return Err(RpcError::header_mismatch(format_args!(
                        "{header} is not the body's value"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Numbers are compared as numbers: `42.0` is `42`.
fn same(sent: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => text == sent,
        Value::Bool(flag) => sent == if *flag { "true" } else { "false" },
        Value::Number(number) => {
            number.to_string() == sent
                || matches!((sent.parse::<f64>(), number.as_f64()), (Ok(sent), Some(number)) if sent == number)
        }
        _ => false,
    }
}
