//! The tools that the model is offered, under names that every provider accepts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// The longest name of a tool that providers accept.
const LONGEST: usize = 64;
/// The most tools of all servers.
const MOST: usize = 512;

/// A tool of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offered {
    /// The server's name.
    pub server: String,
    /// The server's name for the tool.
    pub tool: String,
    /// What the tool does.
    pub description: String,
    /// The JSON schema of the arguments.
    pub schema: Value,
    /// What the server claims about the tool.
    pub annotations: Value,
    /// Whether the tool only runs as a task (2025-11-25).
    pub as_task: bool,
    /// Whether the tool has a view (MCP Apps).
    pub has_view: bool,
}

/// A tool with the name that the model knows it by.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) server: String,
    pub(crate) tool: String,
    pub(crate) description: String,
    #[serde(skip)]
    pub(crate) schema: Value,
    pub(crate) annotations: Value,
    #[serde(skip)]
    pub(crate) as_task: bool,
    pub(crate) has_view: bool,
}

/// All tools.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog(Vec<Entry>);

impl Catalog {
    /// Names the tools. With several servers, each name starts with the server's.
    pub(crate) fn new(tools: Vec<Offered>) -> Self {
        let several = tools.windows(2).any(|two| two[0].server != two[1].server);
        let mut taken = BTreeMap::new();
        let mut entries = Vec::new();
        for one in tools.into_iter().take(MOST) {
            let whole = if several {
                format!("{}_{}", clean(&one.server), clean(&one.tool))
            } else {
                clean(&one.tool)
            };
            let name = unique(&whole, &mut taken);
            entries.push(Entry {
                name,
                server: one.server,
                tool: one.tool,
                description: one.description,
                schema: one.schema,
                annotations: one.annotations,
                as_task: one.as_task,
                has_view: one.has_view,
            });
        }
        Self(entries)
    }

    pub(crate) fn all(&self) -> &[Entry] {
        &self.0
    }

    /// Whether a tool only runs as a task.
    pub(crate) fn is_task(&self, server: &str, tool: &str) -> bool {
        let found = self
            .0
            .iter()
            .find(|entry| entry.server == server && entry.tool == tool);
        found.is_some_and(|entry| entry.as_task)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }
}

impl Entry {
    /// The schema as an object with `type`, which every provider requires.
    pub(crate) fn parameters(&self) -> Value {
        match &self.schema {
            Value::Object(members) => {
                let mut members = members.clone();
                members.entry("type").or_insert_with(|| json!("object"));
                members.entry("properties").or_insert_with(|| json!({}));
                members.remove("$schema");
                Value::Object(members)
            }
            _ => json!({ "type": "object", "properties": {} }),
        }
    }
}

/// The name with only the characters that every provider accepts.
fn clean(name: &str) -> String {
    let cleaned: String = name
        .chars()
        .map(|char| match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => char,
            _ => '_',
        })
        .collect();
    if cleaned.is_empty() {
        "tool".to_owned()
    } else {
        cleaned
    }
}

/// The name, short enough, and with a number if another tool has it already.
fn unique(name: &str, taken: &mut BTreeMap<String, ()>) -> String {
    let mut short: String = name.chars().take(LONGEST).collect();
    let mut number = 2;
    while taken.contains_key(&short) {
        let suffix = format!("_{number}");
        short = name.chars().take(LONGEST - suffix.len()).collect();
        short.push_str(&suffix);
        number += 1;
    }
    taken.insert(short.clone(), ());
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[(&str, &str)]) -> Vec<String> {
        let offered = tools.iter().map(|(server, tool)| Offered {
            server: (*server).to_owned(),
            tool: (*tool).to_owned(),
            ..Offered::default()
        });
        let catalog = Catalog::new(offered.collect());
        catalog.0.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn every_name_is_one_that_providers_accept_and_that_no_other_tool_has() {
        let long = "x".repeat(100);
        for (tools, expected) in [
            (
                vec![("a", "add"), ("a", "sub")],
                vec!["add".into(), "sub".into()],
            ),
            (
                vec![("a", "add"), ("b", "add")],
                vec!["a_add".into(), "b_add".into()],
            ),
            (
                vec![("a", "x.y"), ("a", "x/y")],
                vec!["x_y".into(), "x_y_2".into()],
            ),
            (vec![("a", "ä"), ("a", "")], vec!["_".into(), "tool".into()]),
            (
                vec![("a", long.as_str()), ("a", long.as_str())],
                vec!["x".repeat(64), format!("{}_2", "x".repeat(62))],
            ),
        ] {
            assert_eq!(names(&tools), expected);
        }
    }

    #[test]
    fn parameters_are_an_object_with_a_type() {
        for (schema, expected) in [
            (json!(null), json!({ "type": "object", "properties": {} })),
            (json!({}), json!({ "type": "object", "properties": {} })),
            (
                json!({ "$schema": "x", "type": "object", "properties": { "a": {} } }),
                json!({ "type": "object", "properties": { "a": {} } }),
            ),
        ] {
            let entry = Catalog::new(vec![Offered {
                schema,
                ..Offered::default()
            }]);
            assert_eq!(entry.0[0].parameters(), expected);
        }
    }
}
