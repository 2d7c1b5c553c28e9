//! Checks the arguments of a call against the tool's schema, before the server sees them.
//!
//! This is the part of JSON Schema that decides whether a call makes sense: types, required members,
//! enumerations, bounds, items and combinations. A keyword that is not known here permits the value; the
//! server checks it again.

use std::cell::Cell;

use serde_json::Value;

/// How deep references and values are followed.
const DEEPEST: usize = 64;
/// The most problems that are reported.
const MOST: usize = 8;
/// The most schemas that are compared with a value. A hostile schema that refers to itself would take for
/// ever; what is left is permitted.
const MOST_STEPS: usize = 50_000;

/// What is wrong with the arguments: a line for each problem.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let steps = Cell::new(MOST_STEPS);
    let mut check = Check {
        root: schema,
        steps: &steps,
        problems: Vec::new(),
    };
    check.value(schema, value, "", 0);
    check.problems
}

struct Check<'a> {
    root: &'a Value,
    /// How many schemas may still be compared.
    steps: &'a Cell<usize>,
    problems: Vec<String>,
}

impl<'a> Check<'a> {
    fn problem(&mut self, path: &str, what: impl std::fmt::Display) {
        if self.problems.len() < MOST {
            let place = if path.is_empty() {
                "the arguments"
            } else {
                path
            };
            self.problems.push(format!("{place}: {what}"));
        }
    }

    /// Whether the value fits, without a report.
    fn fits(&self, schema: &'a Value, value: &Value, depth: usize) -> bool {
        let mut check = Check {
            root: self.root,
            steps: self.steps,
            problems: Vec::new(),
        };
        check.value(schema, value, "", depth);
        check.problems.is_empty()
    }

    fn value(&mut self, schema: &'a Value, value: &Value, path: &str, depth: usize) {
        let left = self.steps.get();
        if depth > DEEPEST || left == 0 {
            return;
        }
        self.steps.set(left - 1);
        if schema == &Value::Bool(false) {
            self.problem(path, "no value is allowed here");
        }
        let Value::Object(members) = schema else {
            return;
        };
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let found = target
                .strip_prefix('#')
                .and_then(|at| self.root.pointer(at));
            if let Some(found) = found {
                self.value(found, value, path, depth + 1);
            }
        }
        if !self.types(members.get("type"), value, path) {
            return;
        }
        if let Some(Value::Array(allowed)) = members.get("enum")
            && !allowed.iter().any(|one| equal(one, value))
        {
            let shown: Vec<String> = allowed.iter().take(20).map(Value::to_string).collect();
            self.problem(path, format_args!("must be one of {}", shown.join(", ")));
        }
        if let Some(only) = members.get("const")
            && !equal(only, value)
        {
            self.problem(path, format_args!("must be {only}"));
        }
        self.combined(members, value, path, depth);
        match value {
            Value::Object(_) => self.object(members, value, path, depth),
            Value::Array(items) => self.array(members, items, path, depth),
            Value::Number(number) => self.number(members, number, path),
            Value::String(text) => {
                let length = text.chars().count();
                self.bounds(
                    members,
                    ("minLength", "maxLength"),
                    length,
                    "characters",
                    path,
                );
            }
            _ => {}
        }
    }

    /// Checks the type. False if it is wrong.
    fn types(&mut self, types: Option<&Value>, value: &Value, path: &str) -> bool {
        let names: Vec<&str> = match types {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        if names.is_empty() || names.iter().any(|name| is_type(name, value)) {
            return true;
        }
        self.problem(
            path,
            format_args!("must be {}, not {}", names.join(" or "), type_of(value)),
        );
        false
    }

    fn combined(
        &mut self,
        members: &'a serde_json::Map<String, Value>,
        value: &Value,
        path: &str,
        depth: usize,
    ) {
        if let Some(Value::Array(all)) = members.get("allOf") {
            for one in all {
                self.value(one, value, path, depth + 1);
            }
        }
        if let Some(Value::Array(any)) = members.get("anyOf")
            && !any.iter().any(|one| self.fits(one, value, depth + 1))
        {
            self.problem(path, "matches none of the allowed forms");
        }
        if let Some(Value::Array(one)) = members.get("oneOf") {
            let fitting = one
                .iter()
                .filter(|one| self.fits(one, value, depth + 1))
                .count();
            match fitting {
                1 => {}
                0 => self.problem(path, "matches none of the allowed forms"),
                _ => self.problem(path, "matches more than one of the allowed forms"),
            }
        }
        if let Some(not) = members.get("not")
            && self.fits(not, value, depth + 1)
        {
            self.problem(path, "has a form that is not allowed");
        }
    }

    fn object(
        &mut self,
        members: &'a serde_json::Map<String, Value>,
        value: &Value,
        path: &str,
        depth: usize,
    ) {
        let Value::Object(given) = value else { return };
        if let Some(Value::Array(required)) = members.get("required") {
            for name in required.iter().filter_map(Value::as_str) {
                if !given.contains_key(name) {
                    self.problem(path, format_args!("`{name}` is missing"));
                }
            }
        }
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, value) in given {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => self.value(schema, value, &path, depth + 1),
                None if members.contains_key("patternProperties") => {}
                None => match members.get("additionalProperties") {
                    Some(Value::Bool(false)) => self.problem(&path, "there is no such argument"),
                    Some(schema) => self.value(schema, value, &path, depth + 1),
                    None => {}
                },
            }
        }
        self.bounds(
            members,
            ("minProperties", "maxProperties"),
            given.len(),
            "members",
            path,
        );
    }

    fn array(
        &mut self,
        members: &'a serde_json::Map<String, Value>,
        items: &[Value],
        path: &str,
        depth: usize,
    ) {
        let first = members.get("prefixItems").and_then(Value::as_array);
        for (at, item) in items.iter().enumerate() {
            let schema = first
                .and_then(|first| first.get(at))
                .or_else(|| members.get("items"));
            if let Some(schema) = schema {
                self.value(schema, item, &format!("{path}[{at}]"), depth + 1);
            }
        }
        self.bounds(
            members,
            ("minItems", "maxItems"),
            items.len(),
            "items",
            path,
        );
    }

    fn number(
        &mut self,
        members: &serde_json::Map<String, Value>,
        number: &serde_json::Number,
        path: &str,
    ) {
        let Some(number) = number.as_f64() else {
            return;
        };
        let bound = |name: &str| members.get(name).and_then(Value::as_f64);
        if bound("minimum").is_some_and(|least| number < least)
            || bound("exclusiveMinimum").is_some_and(|least| number <= least)
        {
            self.problem(path, "is too small");
        }
        if bound("maximum").is_some_and(|most| number > most)
            || bound("exclusiveMaximum").is_some_and(|most| number >= most)
        {
            self.problem(path, "is too large");
        }
    }

    fn bounds(
        &mut self,
        members: &serde_json::Map<String, Value>,
        (least, most): (&str, &str),
        length: usize,
        what: &str,
        path: &str,
    ) {
        let bound = |name: &str| members.get(name).and_then(Value::as_u64);
        let length = length as u64;
        if let Some(least) = bound(least).filter(|least| length < *least) {
            self.problem(path, format_args!("needs at least {least} {what}"));
        }
        if let Some(most) = bound(most).filter(|most| length > *most) {
            self.problem(path, format_args!("may have at most {most} {what}"));
        }
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "integer" => match value {
            Value::Number(number) => {
                number.is_i64()
                    || number.is_u64()
                    || number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => false,
        },
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        // An unknown type permits the value.
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether two values are the same. 1 and 1.0 are.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().is_some_and(|one| Some(one) == other.as_f64())
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let add = json!({
            "type": "object", "required": ["a", "b"], "additionalProperties": false,
            "properties": { "a": { "type": "number" }, "b": { "type": "integer", "maximum": 100 } },
        });
        let tree = json!({
            "type": "object",
            "properties": { "node": { "$ref": "#/$defs/node" } },
            "$defs": { "node": {
                "type": "object", "required": ["name"],
                "properties": { "name": { "type": "string", "minLength": 1 },
                                "next": { "$ref": "#/$defs/node" },
                                "tags": { "type": "array", "items": { "enum": ["x", "y"] }, "maxItems": 2 } },
            } },
        });
        let either = json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] });
        for (schema, value, expected) in [
            (&add, json!({ "a": 1, "b": 2.0 }), vec![]),
            (
                &add,
                json!({ "a": "1", "b": 2 }),
                vec!["a: must be number, not string"],
            ),
            (
                &add,
                json!({ "a": 1 }),
                vec!["the arguments: `b` is missing"],
            ),
            (
                &add,
                json!({ "a": 1, "b": 1.5 }),
                vec!["b: must be integer, not number"],
            ),
            (&add, json!({ "a": 1, "b": 101 }), vec!["b: is too large"]),
            (
                &add,
                json!({ "a": 1, "b": 1, "c": 1 }),
                vec!["c: there is no such argument"],
            ),
            (
                &add,
                json!([1]),
                vec!["the arguments: must be object, not array"],
            ),
            (
                &tree,
                json!({ "node": { "name": "a", "next": { "name": "" } } }),
                vec!["node.next.name: needs at least 1 characters"],
            ),
            (
                &tree,
                json!({ "node": { "name": "a", "tags": ["x", "z", "y"] } }),
                vec![
                    "node.tags[1]: must be one of \"x\", \"y\"",
                    "node.tags: may have at most 2 items",
                ],
            ),
            (&either, json!({ "a": 1 }), vec![]),
            (
                &either,
                json!({ "a": 1, "b": 1 }),
                vec!["the arguments: matches more than one of the allowed forms"],
            ),
            (
                &either,
                json!({}),
                vec!["the arguments: matches none of the allowed forms"],
            ),
            (
                &json!({ "anyOf": [{ "type": "null" }, { "const": 7 }] }),
                json!(7.0),
                vec![],
            ),
            (
                &json!({ "not": { "type": "object" } }),
                json!({}),
                vec!["the arguments: has a form that is not allowed"],
            ),
            (&json!(true), json!({}), vec![]),
            (
                &json!({ "type": "no such type", "$ref": "https://else.example" }),
                json!(1),
                vec![],
            ),
        ] {
            assert_eq!(problems(schema, &value), expected, "{schema} {value}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({ "$ref": "#", "anyOf": [{ "$ref": "#" }] });
        let _ = problems(&json!({ "$ref": "#" }), &json!({}));
        let _ = problems(&json!({ "allOf": [{ "$ref": "#" }] }), &json!({}));
        let _ = problems(&schema, &json!({}));
    }
}
