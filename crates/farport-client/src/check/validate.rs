//! Checks a value against a schema.
//!
//! Keywords that are not listed here are ignored, among them `pattern` and `format`: a value that fails
//! here does not match, and one that passes may not match either.

use std::cell::Cell;

use serde_json::{Map, Value};

/// How deep values, references and alternatives are followed.
const DEEPEST: usize = 64;
/// The most schemas that are compared with a value. A schema that refers to itself twice would double the
/// work at each level; what is left then passes.
const MOST_STEPS: usize = 50_000;

/// Why `value` does not match `schema`: the first reason, with its place.
pub(super) fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    let validator = Validator {
        root: schema,
        steps: Cell::new(MOST_STEPS),
    };
    validator.check(schema, value, "", 0).err()
}

struct Validator<'a> {
    root: &'a Value,
    /// How many schemas may still be compared.
    steps: Cell<usize>,
}

type Checked = Result<(), String>;

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, depth: usize) -> Checked {
        let fail = |why: String| {
            Err(format!(
                "{}: {why}",
                if at.is_empty() { "the value" } else { at }
            ))
        };
        let left = self.steps.get();
        if depth > DEEPEST || left == 0 {
            return Ok(());
        }
        self.steps.set(left - 1);
        let schema = match schema {
            Value::Bool(false) => return fail("is not permitted".to_owned()),
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            if let Some(target) = target {
                self.check(target, value, at, depth + 1)?;
            }
        }
        if let Some(types) = schema.get("type")
            && !has_type(types, value)
        {
            return fail(format!("must be {types}, not {}", shortened(value)));
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array)
            && !choices.iter().any(|choice| is_same(choice, value))
        {
            return fail(format!(
                "{} is not one of the permitted values",
                shortened(value)
            ));
        }
        if let Some(only) = schema.get("const")
            && !is_same(only, value)
        {
            return fail(format!("must be {only}"));
        }
        self.combined(schema, value, at, depth)?;
        match value {
            Value::Object(members) => self.object(schema, members, at, depth),
            Value::Array(items) => self.array(schema, items, at, depth),
            Value::Number(number) => in_range(schema, number.as_f64()).map_or(Ok(()), fail),
            Value::String(text) => {
                let length = text.chars().count();
                within(schema, length, "minLength", "maxLength", "characters").map_or(Ok(()), fail)
            }
            _ => Ok(()),
        }
    }

    fn combined(
        &self,
        schema: &Map<String, Value>,
        value: &Value,
        at: &str,
        depth: usize,
    ) -> Checked {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            self.check(part, value, at, depth + 1)?;
        }
        for name in ["anyOf", "oneOf"] {
            let Some(parts) = list(name) else { continue };
            let mut first = None;
            let matches = parts
                .iter()
                .any(|part| match self.check(part, value, at, depth + 1) {
                    Ok(()) => true,
                    Err(why) => {
                        first.get_or_insert(why);
                        false
                    }
                });
            if let (false, Some(why)) = (matches, first) {
                return Err(format!("matches none of `{name}`; {why}"));
            }
        }
        Ok(())
    }

    fn object(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Checked {
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap_or_default();
            if !members.contains_key(name) {
                return Err(format!("{at}/{name} is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let more = schema.get("additionalProperties");
        let patterns = schema.contains_key("patternProperties");
        for (name, value) in members {
            let at = format!("{at}/{name}");
            match (properties.and_then(|known| known.get(name)), more) {
                (Some(property), _) => self.check(property, value, &at, depth + 1)?,
                (None, Some(more)) if !patterns => self.check(more, value, &at, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn array(
        &self,
        schema: &Map<String, Value>,
        items: &[Value],
        at: &str,
        depth: usize,
    ) -> Checked {
        if let Some(why) = within(schema, items.len(), "minItems", "maxItems", "items") {
            return Err(format!("{at}: {why}"));
        }
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let rest = schema.get("items").filter(|items| !items.is_array());
        for (index, item) in items.iter().enumerate() {
            let own = first.and_then(|first| first.get(index));
            if let Some(schema) = own.or(rest) {
                self.check(schema, item, &format!("{at}/{index}"), depth + 1)?;
            }
        }
        Ok(())
    }
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

/// JSON Schema compares numbers by value: 1 and 1.0 are the same.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

fn in_range(schema: &Map<String, Value>, number: Option<f64>) -> Option<String> {
    let number = number?;
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let wrong = [
        ("at least", limit("minimum").filter(|limit| number < *limit)),
        ("at most", limit("maximum").filter(|limit| number > *limit)),
        (
            "above",
            limit("exclusiveMinimum").filter(|limit| number <= *limit),
        ),
        (
            "below",
            limit("exclusiveMaximum").filter(|limit| number >= *limit),
        ),
    ];
    let (what, limit) = wrong
        .into_iter()
        .find_map(|(what, limit)| Some((what, limit?)))?;
    Some(format!("must be {what} {limit}, not {number}"))
}

fn within(
    schema: &Map<String, Value>,
    length: usize,
    least: &str,
    most: &str,
    what: &str,
) -> Option<String> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
    match (limit(least), limit(most)) {
        (Some(least), _) if length < least => Some(format!("must have at least {least} {what}")),
        (_, Some(most)) if length > most => Some(format!("must have at most {most} {what}")),
        _ => None,
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::mismatch;

    #[test]
    fn a_value_matches_its_schema() {
        for (schema, value, matches) in [
            (json!({"type": "integer"}), json!(1.0), true),
            (json!({"type": "integer"}), json!(1.5), false),
            (json!({"type": ["string", "null"]}), json!(null), true),
            (json!({"enum": [1, "a"]}), json!(1.0), true),
            (json!({"enum": [1, "a"]}), json!("b"), false),
            (json!({"required": ["a"]}), json!({}), false),
            (json!({"required": ["a"]}), json!([]), true),
            (
                json!({"properties": {"a": {"minLength": 2}}}),
                json!({"a": "x"}),
                false,
            ),
            (
                json!({"additionalProperties": false, "properties": {"a": {}}}),
                json!({"b": 1}),
                false,
            ),
            (json!({"items": {"type": "string"}}), json!(["a", 1]), false),
            (
                json!({"prefixItems": [{"type": "string"}], "items": false}),
                json!(["a"]),
                true,
            ),
            (
                json!({"prefixItems": [{"type": "string"}], "items": false}),
                json!(["a", 1]),
                false,
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"maximum": 3}]}),
                json!(4),
                false,
            ),
            (
                json!({"oneOf": [{"type": "string"}, {"maximum": 3}]}),
                json!(2),
                true,
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"const": 7}}}),
                json!(7),
                true,
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"const": 7}}}),
                json!(8),
                false,
            ),
            (json!({"$ref": "#"}), json!(1), true),
            (json!(false), json!(1), false),
        ] {
            let found = mismatch(&schema, &value);
            assert_eq!(found.is_none(), matches, "{schema} {value}: {found:?}");
        }
        let schema = json!({"properties": {"a": {"items": {"type": "string"}}}});
        let found = mismatch(&schema, &json!({"a": ["x", 7]}));
        assert_eq!(found.unwrap(), "/a/1: must be \"string\", not 7");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        for schema in [
            json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}),
            json!({"$ref": "#", "anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
        ] {
            assert_eq!(mismatch(&schema, &json!({})), None);
        }
    }
}
