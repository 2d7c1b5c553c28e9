//! A tool on one line: `add(a: number, b: number)`.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{Schema, Type};

/// How long a type may be before it is abbreviated, in characters.
const LONGEST: usize = 60;

/// How many levels of arrays and objects are spelled out.
const LEVELS: usize = 2;

/// The name and the arguments of a tool. Optional arguments stand in brackets, with their default.
pub(crate) fn signature(name: &str, schema: &Value) -> String {
    let schema = Schema::new(schema);
    let required = schema.required();
    let mut properties = schema.properties();
    // Required ones first, in the order in which the schema requires them.
    let rank = |name: &str| required.iter().position(|known| *known == name);
    properties.sort_by_key(|(name, _)| rank(name).unwrap_or(usize::MAX));
    let mut arguments = Vec::new();
    for (name, property) in properties {
        let mut argument = format!("{name}: {}", kind(property, LEVELS));
        if let Some(default) = property.default() {
            let _ = write!(argument, " = {}", shortened(&default.to_string()));
        }
        arguments.push(if required.contains(&name) {
            argument
        } else {
            format!("[{argument}]")
        });
    }
    format!("{name}({})", arguments.join(", "))
}

/// The type of a value, in words.
pub(crate) fn kind_of(schema: Schema<'_>) -> String {
    kind(schema, LEVELS)
}

fn kind(schema: Schema<'_>, levels: usize) -> String {
    let choices = schema.choices();
    if !choices.is_empty() {
        let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
        return shortened(&choices.join(" | "));
    }
    let types = schema.types();
    if types.is_empty() {
        return "any".to_owned();
    }
    let types: Vec<_> = types
        .iter()
        .map(|kind| one(*kind, schema, levels))
        .collect();
    shortened(&types.join(" | "))
}

fn one(type_of: Type, schema: Schema<'_>, levels: usize) -> String {
    match type_of {
        Type::Array if levels > 0 => match schema.items() {
            Some(items) => {
                let items = kind(items, levels - 1);
                if items.contains(' ') {
                    format!("({items})[]")
                } else {
                    format!("{items}[]")
                }
            }
            None => "array".to_owned(),
        },
        Type::Object if levels > 0 => {
            let names: Vec<_> = schema
                .properties()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            if names.is_empty() {
                "object".to_owned()
            } else {
                format!("{{{}}}", names.join(", "))
            }
        }
        kind => kind.name().to_owned(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::signature;

    #[test]
    fn a_tool_is_one_line() {
        for (schema, expected) in [
            (json!({}), "t()"),
            (json!({"type": "object", "properties": {}}), "t()"),
            (
                json!({"properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}),
                "t(a: number, b: number)",
            ),
            (
                json!({"properties": {"limit": {"type": "integer", "default": 10}, "path": {"type": "string"}}, "required": ["path"]}),
                "t(path: string, [limit: integer = 10])",
            ),
            (
                json!({"properties": {"unit": {"enum": ["c", "f"]}}, "required": ["unit"]}),
                "t(unit: \"c\" | \"f\")",
            ),
            (
                json!({"properties": {
                    "at": {"type": "object", "properties": {"x": {}, "y": {}}},
                    "either": {"type": "array", "items": {"type": ["string", "null"]}},
                    "free": {},
                    "tags": {"type": "array", "items": {"type": "string"}}
                }}),
                "t([at: {x, y}], [either: (string | null)[]], [free: any], [tags: string[]])",
            ),
            (
                json!({"properties": {"x": {"enum": ["a".repeat(80)]}}}),
                &format!("t([x: \"{}…])", "a".repeat(59)),
            ),
        ] {
            let made = signature("t", &schema);
            assert_eq!(made, expected, "{schema}");
        }
    }
}
