//! Which tools are hidden from the client, and which arguments of tools are repeated in headers.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Error;
use crate::members::Members;

/// The most tools whose headers are remembered.
const MOST: usize = 10_000;

/// An argument that is repeated in a header.
#[derive(Clone, Debug)]
struct Mirrored {
    header: HeaderName,
    path: Vec<String>,
}

/// The rules for tools.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    ignored: GlobSet,
    mirrored: Mutex<HashMap<String, Vec<Mirrored>>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "inputSchema", default)]
    schema: Option<&'a RawValue>,
}

impl Tools {
    /// Hides the tools that match one of `patterns`, in which `*` stands for any text.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, Error> {
        let mut ignored = GlobSetBuilder::new();
        for pattern in patterns {
            // Only the star means something here.
            let literal: Vec<_> = pattern.split('*').map(globset::escape).collect();
            let literal = literal.join("*").replace('\\', "\\\\");
            let glob = GlobBuilder::new(&literal)
                .backslash_escape(true)
                .build()
                .map_err(|error| {
                    Error::usage(format!(
                        "invalid pattern {pattern} in --ignore-tool: {error}"
                    ))
                })?;
            ignored.add(glob);
        }
        let ignored = ignored
            .build()
            .map_err(|error| Error::usage(format!("invalid --ignore-tool: {error}")))?;
        Ok(Self {
            ignored,
            mirrored: Mutex::default(),
        })
    }

    /// Whether any tool is hidden from the client.
    pub(crate) fn ignores(&self) -> bool {
        !self.ignored.is_empty()
    }

    /// Whether a tool is hidden from the client.
    pub(crate) fn is_ignored(&self, name: &str) -> bool {
        !self.ignored.is_empty() && self.ignored.is_match(name)
    }

    /// A `tools/list` result without the hidden tools; `None` when no tool is hidden. Learns the header
    /// annotations of `modern` results, and hides a tool with a wrong one (2026-07-28, "Custom Headers from Tool Parameters").
    pub(crate) fn visible(&self, result: &str, modern: bool) -> Option<String> {
        let mut members = Members::read(result)?;
        let all: Vec<&RawValue> = serde_json::from_str(members.get("tools")?).ok()?;
        let kept: Vec<&str> = all
            .iter()
            .filter(|tool| self.admit(tool, modern))
            .map(|tool| tool.get())
            .collect();
        if kept.len() == all.len() {
            return None;
        }
        let kept = format!("[{}]", kept.join(","));
        members.set("tools", kept);
        Some(members.json())
    }

    fn admit(&self, tool: &RawValue, modern: bool) -> bool {
        let Ok(tool) = serde_json::from_str::<Tool<'_>>(tool.get()) else {
            // The client may be able to read it, but it may also be a hidden tool.
            return self.ignored.is_empty();
        };
        if self.is_ignored(&tool.name) {
            return false;
        }
        if !modern {
            return true;
        }
        let schema = tool
            .schema
            .and_then(|schema| serde_json::from_str(schema.get()).ok());
        let Some(mirrored) = annotations(&schema.unwrap_or(Value::Null)) else {
            tracing::warn!(tool = %tool.name, "left out: a wrong x-mcp-header in its schema");
            return false;
        };
        let mut known = self.mirrored.lock().unwrap_or_else(PoisonError::into_inner);
        if mirrored.is_empty() {
            known.remove(&*tool.name);
        } else if known.len() < MOST {
            known.insert(tool.name.into_owned(), mirrored);
        }
        true
    }

    /// Adds the headers that repeat the arguments of a call.
    pub(crate) fn mirror(&self, name: &str, arguments: Option<&RawValue>, headers: &mut HeaderMap) {
        let known = self.mirrored.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mirrored) = known.get(name) else {
            return;
        };
        let arguments: Value = arguments
            .and_then(|arguments| serde_json::from_str(arguments.get()).ok())
            .unwrap_or_default();
        for Mirrored { header, path } in mirrored {
            let value = path
                .iter()
                .try_fold(&arguments, |value, key| value.get(key));
            let text = match value {
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => continue,
            };
            headers.insert(header.clone(), header_value(&text));
        }
    }
}

/// A text as the value of a header (2026-07-28, "Value Encoding").
pub(crate) fn header_value(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !text.starts_with("=?base64?");
    let value = if plain {
        HeaderValue::from_str(text).ok()
    } else {
        None
    };
    value.unwrap_or_else(|| {
        let encoded = base64::prelude::BASE64_STANDARD.encode(text);
        HeaderValue::from_str(&format!("=?base64?{encoded}?="))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}

/// Whether the header annotations of a schema are right.
pub(crate) fn has_valid_annotations(schema: &Value) -> bool {
    annotations(schema).is_some()
}

/// The annotations of a schema; `None` where one of them is wrong.
fn annotations(schema: &Value) -> Option<Vec<Mirrored>> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found)?;
    let distinct: BTreeSet<&str> = found.iter().map(|one| one.header.as_str()).collect();
    (distinct.len() == found.len()).then_some(found)
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Mirrored>) -> Option<()> {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return Some(());
    };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(annotation) = property.get("x-mcp-header") {
            let suffix = annotation.as_str().filter(|suffix| !suffix.is_empty())?;
            let kind = property.get("type").and_then(Value::as_str);
            if !matches!(kind, Some("string" | "integer" | "boolean")) {
                return None;
            }
            let header = HeaderName::try_from(format!("mcp-param-{suffix}")).ok()?;
            found.push(Mirrored {
                header,
                path: path.clone(),
            });
        }
        collect(property, path, found)?;
        path.pop();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_star_is_the_only_pattern() {
        let patterns = [
            "delete*",
            "*account",
            "exact",
            "a?b",
            "[x]",
            "{y}",
            "back\\slash",
            "!no",
        ];
        let tools = Tools::new(&patterns.map(str::to_owned)).unwrap();
        for (name, ignored) in [
            ("deleteTask", true),
            ("delete", true),
            ("undelete", false),
            ("getaccount", true),
            ("exact", true),
            ("exactly", false),
            ("a?b", true),
            ("axb", false),
            ("[x]", true),
            ("x", false),
            ("{y}", true),
            ("y", false),
            ("back\\slash", true),
            ("!no", true),
            ("delete/with/slashes", true),
        ] {
            assert_eq!(tools.is_ignored(name), ignored, "{name}");
        }
    }

    #[test]
    fn what_stays_keeps_its_text() {
        let tools = Tools::new(&["b".to_owned()]).unwrap();
        let list =
            r#"{"tools":[{"name":"a", "x":1.0e5},{"name":"b"},{"name":"c"}],"nextCursor":""}"#;
        assert_eq!(
            tools.visible(list, false).unwrap(),
            r#"{"tools":[{"name":"a", "x":1.0e5},{"name":"c"}],"nextCursor":""}"#
        );
        assert_eq!(tools.visible(r#"{"tools":[{"name":"a"}]}"#, false), None);
    }

    #[test]
    fn a_tool_with_a_wrong_annotation_is_left_out_of_the_newest_revision() {
        let tools = Tools::default();
        let tool = |name: &str, properties: &str| {
            format!(r#"{{"name":"{name}","inputSchema":{{"properties":{properties}}}}}"#)
        };
        for (properties, good) in [
            (r#"{"a":{"type":"string","x-mcp-header":"A"}}"#, true),
            (
                r#"{"o":{"properties":{"a":{"type":"integer","x-mcp-header":"A"}}}}"#,
                true,
            ),
            (r#"{"a":{"type":"string","x-mcp-header":""}}"#, false),
            (r#"{"a":{"type":"number","x-mcp-header":"A"}}"#, false),
            (r#"{"a":{"type":"string","x-mcp-header":"A B"}}"#, false),
            (r#"{"a":{"type":"string","x-mcp-header":7}}"#, false),
            (
                r#"{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#,
                false,
            ),
        ] {
            let list = format!(r#"{{"tools":[{}]}}"#, tool("t", properties));
            assert_eq!(tools.visible(&list, true).is_none(), good, "{properties}");
            assert_eq!(tools.visible(&list, false), None, "{properties}");
        }
    }

    #[test]
    fn values_are_encoded_as_the_specification_says() {
        for (text, expect) in [
            ("us west 1", "us west 1"),
            ("", ""),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("=?base64?", "=?base64?PT9iYXNlNjQ/?="),
            ("a\r\nb", "=?base64?YQ0KYg==?="),
        ] {
            assert_eq!(header_value(text), expect, "{text:?}");
        }
    }
}
