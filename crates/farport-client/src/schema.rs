//! Compares a value with a JSON schema.
//!
//! [`mismatches`] knows the keywords that decide whether arguments or results make sense: types, required
//! members, enumerations, bounds, items, references within the schema, and combinations. Other keywords, among
//! them `pattern` and `format`, permit every value. So each mismatch is one, and a value without mismatches may
//! still be invalid.
//!
//! Schemas and values come from other programs: the work, the depth and the number of mismatches are bounded.

use std::cell::Cell;
use std::fmt;

use serde_json::{Map, Number, Value};

/// How deep references and values are followed.
const DEEPEST: usize = 64;
/// The most schemas that are compared with a value. A schema that refers to itself twice would double the
/// work at each level.
const MOST_STEPS: usize = 50_000;
/// The most mismatches that are returned.
const MOST: usize = 8;
/// The most values of an enumeration that a reason lists.
const MOST_LISTED: usize = 20;
/// The most of a value that a reason shows, in characters.
const LONGEST: usize = 60;

/// Keywords that restrict values, and that [`mismatches`] does not know.
const UNKNOWN: [&str; 20] = [
    "$dynamicRef",
    "$recursiveRef",
    "additionalItems",
    "contains",
    "contentEncoding",
    "contentSchema",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "format",
    "if",
    "multipleOf",
    "pattern",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

/// A place at which a value does not match its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The place in the value, such as `node.tags[1]`. Empty for the value itself.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() {
            "the value"
        } else {
            &self.path
        };
        write!(f, "{place}: {}", self.reason)
    }
}

/// Returns where and why `value` does not match `schema`, at most eight mismatches.
pub fn mismatches(schema: &Value, value: &Value) -> Vec<Mismatch> {
    let steps = Cell::new(MOST_STEPS);
    let mut comparison = Comparison::new(schema, &steps);
    comparison.value(schema, value, "", 0);
    comparison.mismatches
}

/// Whether a value matches an alternative.
enum Fit {
    Yes,
    /// No keyword that is known is violated, and there are others.
    Unknown,
    No(Mismatch),
}

struct Comparison<'a> {
    root: &'a Value,
    /// How many schemas may still be compared.
    steps: &'a Cell<usize>,
    mismatches: Vec<Mismatch>,
    /// Whether a keyword was not compared.
    uncertain: bool,
}

impl<'a> Comparison<'a> {
    fn new(root: &'a Value, steps: &'a Cell<usize>) -> Self {
        Self {
            root,
            steps,
            mismatches: Vec::new(),
            uncertain: false,
        }
    }

    fn report(&mut self, path: &str, reason: impl fmt::Display) {
        if self.mismatches.len() < MOST {
            self.mismatches.push(Mismatch {
                path: path.to_owned(),
                reason: reason.to_string(),
            });
        }
    }

    fn fit(&self, schema: &'a Value, value: &Value, path: &str, depth: usize) -> Fit {
        let mut comparison = Self::new(self.root, self.steps);
        comparison.value(schema, value, path, depth);
        match comparison.mismatches.into_iter().next() {
            Some(mismatch) => Fit::No(mismatch),
            None if comparison.uncertain => Fit::Unknown,
            None => Fit::Yes,
        }
    }

    fn value(&mut self, schema: &'a Value, value: &Value, path: &str, depth: usize) {
        let left = self.steps.get();
        if depth > DEEPEST || left == 0 {
            self.uncertain = true;
            return;
        }
        self.steps.set(left - 1);
        if schema == &Value::Bool(false) {
            self.report(path, "no value is allowed here");
        }
        let Value::Object(members) = schema else {
            return;
        };
        self.uncertain |= UNKNOWN.iter().any(|name| members.contains_key(*name));
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let pointer = target.strip_prefix('#');
            match pointer.and_then(|pointer| self.root.pointer(pointer)) {
                Some(found) => self.value(found, value, path, depth + 1),
                None => self.uncertain = true,
            }
        }
        if !self.types(members.get("type"), value, path) {
            return;
        }
        if let Some(Value::Array(allowed)) = members.get("enum")
            && !allowed.iter().any(|one| is_same(one, value))
        {
            let listed: Vec<String> = allowed.iter().take(MOST_LISTED).map(shortened).collect();
            let more = if allowed.len() > MOST_LISTED {
                ", …"
            } else {
                ""
            };
            self.report(
                path,
                format_args!("must be one of {}{more}", listed.join(", ")),
            );
        }
        if let Some(only) = members.get("const")
            && !is_same(only, value)
        {
            self.report(path, format_args!("must be {}", shortened(only)));
        }
        self.combined(members, value, path, depth);
        match value {
            Value::Object(given) => self.object(members, given, path, depth),
            Value::Array(items) => self.array(members, items, path, depth),
            Value::Number(number) => self.number(members, number, path),
            Value::String(text) => {
                let length = text.chars().count();
                self.length(
                    members,
                    ["minLength", "maxLength"],
                    length,
                    "character",
                    path,
                );
            }
            _ => {}
        }
    }

    /// Compares the type. False if it is wrong.
    fn types(&mut self, types: Option<&Value>, value: &Value, path: &str) -> bool {
        let names: Vec<&str> = match types {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        if names.is_empty() || names.iter().any(|name| is_type(name, value)) {
            return true;
        }
        let given = match value {
            Value::Number(number) => number.to_string(),
            value => type_of(value).to_owned(),
        };
        self.report(
            path,
            format_args!("must be {}, not {given}", names.join(" or ")),
        );
        false
    }

    fn combined(
        &mut self,
        members: &'a Map<String, Value>,
        value: &Value,
        path: &str,
        depth: usize,
    ) {
        let list = |name: &str| members.get(name).and_then(Value::as_array);
        for one in list("allOf").into_iter().flatten() {
            self.value(one, value, path, depth + 1);
        }
        for (name, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let Some(forms) = list(name).filter(|forms| !forms.is_empty()) else {
                continue;
            };
            let (mut fitting, mut unknown, mut first) = (0, 0, None);
            for form in forms {
                match self.fit(form, value, path, depth + 1) {
                    Fit::Yes => fitting += 1,
                    Fit::Unknown => unknown += 1,
                    Fit::No(mismatch) => {
                        first.get_or_insert(mismatch);
                    }
                }
                // One is enough, and the others cost work.
                if fitting > 0 && name == "anyOf" {
                    break;
                }
            }
            match first {
                _ if fitting > most => {
                    self.report(path, "matches more than one of the allowed forms");
                }
                Some(first) if fitting == 0 && unknown == 0 => {
                    let why = if first.path == path {
                        first.reason
                    } else {
                        first.to_string()
                    };
                    let reason = format!("matches none of the allowed forms (the first: {why})");
                    self.report(path, reason);
                }
                _ => self.uncertain |= unknown > 0,
            }
        }
        if let Some(not) = members.get("not") {
            match self.fit(not, value, path, depth + 1) {
                Fit::Yes => self.report(path, "has a form that is not allowed"),
                Fit::Unknown => self.uncertain = true,
                Fit::No(_) => {}
            }
        }
    }

    fn object(
        &mut self,
        members: &'a Map<String, Value>,
        given: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) {
        if let Some(Value::Array(required)) = members.get("required") {
            for name in required.iter().filter_map(Value::as_str) {
                if !given.contains_key(name) {
                    self.report(path, format_args!("`{name}` is missing"));
                }
            }
        }
        let properties = members.get("properties").and_then(Value::as_object);
        let patterns = members.contains_key("patternProperties");
        for (name, value) in given {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match properties.and_then(|properties| properties.get(name)) {
                Some(schema) => self.value(schema, value, &path, depth + 1),
                None if patterns => {}
                None => match members.get("additionalProperties") {
                    Some(Value::Bool(false)) => {
                        self.report(&path, "is not a property of the schema");
                    }
                    Some(schema) => self.value(schema, value, &path, depth + 1),
                    None => {}
                },
            }
        }
        let bounds = ["minProperties", "maxProperties"];
        self.length(members, bounds, given.len(), "member", path);
    }

    fn array(
        &mut self,
        members: &'a Map<String, Value>,
        items: &[Value],
        path: &str,
        depth: usize,
    ) {
        let first = members.get("prefixItems").and_then(Value::as_array);
        // A list of schemas is the tuple of older drafts.
        let rest = members.get("items").filter(|items| !items.is_array());
        self.uncertain |= members.get("items").is_some_and(Value::is_array);
        for (at, item) in items.iter().enumerate() {
            let own = first.and_then(|first| first.get(at));
            if let Some(schema) = own.or(rest) {
                self.value(schema, item, &format!("{path}[{at}]"), depth + 1);
            }
        }
        self.length(members, ["minItems", "maxItems"], items.len(), "item", path);
    }

    fn number(&mut self, members: &Map<String, Value>, number: &Number, path: &str) {
        let Some(given) = number.as_f64() else {
            return;
        };
        let limit = |name: &str| members.get(name).and_then(Value::as_f64);
        let violated = [
            ("at least", limit("minimum").filter(|limit| given < *limit)),
            ("at most", limit("maximum").filter(|limit| given > *limit)),
            (
                "above",
                limit("exclusiveMinimum").filter(|limit| given <= *limit),
            ),
            (
                "below",
                limit("exclusiveMaximum").filter(|limit| given >= *limit),
            ),
        ];
        for (bound, limit) in violated {
            if let Some(limit) = limit {
                self.report(path, format_args!("must be {bound} {limit}, not {number}"));
            }
        }
        let older = ["exclusiveMinimum", "exclusiveMaximum"];
        self.uncertain |= older
            .iter()
            .any(|name| members.get(*name).is_some_and(Value::is_boolean));
    }

    fn length(
        &mut self,
        members: &Map<String, Value>,
        [least, most]: [&str; 2],
        length: usize,
        unit: &str,
        path: &str,
    ) {
        let limit = |name: &str| members.get(name).and_then(Value::as_u64);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let violated = [
            ("at least", limit(least).filter(|least| length < *least)),
            ("at most", limit(most).filter(|most| length > *most)),
        ];
        for (bound, limit) in violated {
            if let Some(limit) = limit {
                let plural = if limit == 1 { "" } else { "s" };
                let reason = format!("must have {bound} {limit} {unit}{plural}, not {length}");
                self.report(path, reason);
            }
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
        "number" | "string" | "boolean" | "object" | "array" | "null" => type_of(value) == name,
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
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().is_some_and(|one| Some(one) == other.as_f64())
        }
        _ => one == other,
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::mismatches;

    fn found(schema: &Value, value: &Value) -> Vec<String> {
        let found = mismatches(schema, value);
        found.iter().map(ToString::to_string).collect()
    }

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
        let pair = json!({ "prefixItems": [{ "type": "string" }], "items": false });
        let none = "matches none of the allowed forms";
        for (schema, value, expected) in [
            (&add, json!({ "a": 1, "b": 2.0 }), vec![]),
            (
                &add,
                json!({ "a": "1", "b": 2 }),
                vec!["a: must be number, not string".to_owned()],
            ),
            (
                &add,
                json!({ "a": 1 }),
                vec!["the value: `b` is missing".into()],
            ),
            (
                &add,
                json!({ "a": 1, "b": 1.5 }),
                vec!["b: must be integer, not 1.5".into()],
            ),
            (
                &add,
                json!({ "a": 1, "b": 101 }),
                vec!["b: must be at most 100, not 101".into()],
            ),
            (
                &add,
                json!({ "a": 1, "b": 1, "c": 1 }),
                vec!["c: is not a property of the schema".into()],
            ),
            (
                &add,
                json!([1]),
                vec!["the value: must be object, not array".into()],
            ),
            (
                &tree,
                json!({ "node": { "name": "a", "next": { "name": "" } } }),
                vec!["node.next.name: must have at least 1 character, not 0".into()],
            ),
            (
                &tree,
                json!({ "node": { "name": "a", "tags": ["x", "z", "y"] } }),
                vec![
                    "node.tags[1]: must be one of \"x\", \"y\"".into(),
                    "node.tags: must have at most 2 items, not 3".into(),
                ],
            ),
            (&either, json!({ "a": 1 }), vec![]),
            (
                &either,
                json!({ "a": 1, "b": 1 }),
                vec!["the value: matches more than one of the allowed forms".into()],
            ),
            (
                &either,
                json!({}),
                vec![format!("the value: {none} (the first: `a` is missing)")],
            ),
            (
                &json!({ "properties": { "v": { "anyOf": [add, { "type": "null" }] } } }),
                json!({ "v": { "a": 1, "b": "" } }),
                vec![format!(
                    "v: {none} (the first: v.b: must be integer, not string)"
                )],
            ),
            (
                &json!({ "not": { "type": "object" } }),
                json!({}),
                vec!["the value: has a form that is not allowed".into()],
            ),
            (
                &json!({ "exclusiveMinimum": 3 }),
                json!(3),
                vec!["the value: must be above 3, not 3".into()],
            ),
            (&pair, json!(["a"]), vec![]),
            (
                &pair,
                json!(["a", 1]),
                vec!["[1]: no value is allowed here".into()],
            ),
        ] {
            assert_eq!(found(schema, &value), expected, "{schema} {value}");
        }
    }

    #[test]
    fn what_is_not_known_permits_the_value() {
        let dates = json!({ "oneOf": [
            { "type": "string", "format": "date" }, { "type": "string", "format": "date-time" },
        ] });
        for (schema, value) in [
            (json!(true), json!({})),
            (json!({ "enum": [1, "a"] }), json!(1.0)),
            (
                json!({ "anyOf": [{ "type": "null" }, { "const": 7 }] }),
                json!(7.0),
            ),
            (json!({ "anyOf": [] }), json!(7)),
            (json!({ "type": ["string", "null"] }), json!(null)),
            (json!({ "required": ["a"] }), json!([])),
            (
                json!({ "type": "no such type", "$ref": "https://else.example" }),
                json!(1),
            ),
            // One of the two matches, or neither: a format is not known.
            (dates.clone(), json!("2026-11-28")),
            (json!({ "not": dates }), json!("x")),
            (json!({ "not": { "pattern": "^a" } }), json!("b")),
            (json!({ "not": { "$ref": "#/nowhere" } }), json!("b")),
            (json!({ "items": [{ "type": "string" }] }), json!([1])),
            (
                json!({ "patternProperties": { "^x": {} }, "additionalProperties": false }),
                json!({ "x": 1 }),
            ),
        ] {
            assert_eq!(found(&schema, &value), Vec::<String>::new(), "{schema}");
        }
    }

    #[test]
    fn a_hostile_schema_ends_and_has_few_mismatches() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            json!({ "$ref": "#", "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            json!({ "not": { "$ref": "#" } }),
        ] {
            assert_eq!(found(&schema, &json!({})), Vec::<String>::new(), "{schema}");
        }
        let names: Vec<String> = (0..1000).map(|number| format!("name {number}")).collect();
        let many = found(&json!({ "required": names }), &json!({}));
        assert_eq!(many.len(), super::MOST);
        let long = "x".repeat(1_000_000);
        let choices: Vec<&str> = (0..100).map(|_| long.as_str()).collect();
        let listed = found(&json!({ "enum": choices }), &json!(1));
        assert!(listed[0].len() < 2000 && listed[0].ends_with("…"));
    }
}
