//! Checks that a schema is valid JSON Schema.
//!
//! It knows the keywords of 2020-12 and of the drafts before it, and ignores others. Patterns are not
//! compiled: JSON Schema uses ECMAScript's, which no crate here reads.

use serde_json::Value;

/// The deepest schema that is read.
const DEEPEST: usize = 100;
/// The most problems of one schema.
const MOST: usize = 20;
/// The most schemas inside one.
const MOST_SCHEMAS: usize = 10_000;

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// What is wrong with a schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    /// Where: a JSON pointer.
    pub(super) at: String,
    pub(super) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The schema is not valid.
    Invalid,
    /// A required property is not described.
    Undescribed,
    /// A reference leaves the schema.
    Outside,
}

/// The problems of a schema.
pub(super) fn problems(schema: &Value) -> Vec<Problem> {
    let draft = schema["$schema"].as_str().unwrap_or("2020-12");
    let mut linter = Linter {
        root: schema,
        is_old: !draft.contains("2020-12"),
        seen: 0,
        found: Vec::new(),
    };
    linter.schema(schema, &mut Vec::new());
    linter.found
}

struct Linter<'a> {
    root: &'a Value,
    /// Whether `$schema` names a draft before 2020-12.
    is_old: bool,
    seen: usize,
    found: Vec<Problem>,
}

impl<'a> Linter<'a> {
    fn report(&mut self, kind: Kind, path: &[&str], why: impl Into<String>) {
        if self.found.len() >= MOST {
            return;
        }
        let at = path.iter().fold(String::new(), |at, part| {
            at + "/" + &part.replace('~', "~0").replace('/', "~1")
        });
        self.found.push(Problem {
            kind,
            at,
            why: why.into(),
        });
    }

    fn invalid(&mut self, path: &[&str], why: impl Into<String>) {
        self.report(Kind::Invalid, path, why);
    }

    fn schema(&mut self, schema: &'a Value, path: &mut Vec<&'a str>) {
        self.seen += 1;
        if self.seen > MOST_SCHEMAS || self.found.len() >= MOST {
            return;
        }
        if path.len() > DEEPEST {
            return self.invalid(path, "nested more deeply than clients read");
        }
        let members = match schema {
            Value::Bool(_) => return,
            Value::Object(members) => members,
            other => return self.invalid(path, format!("a schema must be an object, not {other}")),
        };
        for (name, value) in members {
            path.push(name);
            self.keyword(name, value, path);
            path.pop();
        }
        self.required(schema, path);
    }

    fn keyword(&mut self, name: &str, value: &'a Value, path: &mut Vec<&'a str>) {
        match name {
            "type" => self.types(value, path),
            "items" if self.is_old && value.is_array() => self.list(value, path),
            "not"
            | "if"
            | "then"
            | "else"
            | "items"
            | "additionalItems"
            | "unevaluatedItems"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "contains"
            | "propertyNames"
            | "contentSchema" => self.schema(value, path),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                if value.as_array().is_none_or(Vec::is_empty) {
                    return self.invalid(path, "must be a list of schemas that is not empty");
                }
                self.list(value, path);
            }
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                match value {
                    Value::Object(members) => {
                        for (name, schema) in members {
                            path.push(name);
                            self.schema(schema, path);
                            path.pop();
                        }
                    }
                    _ => self.invalid(path, "must be an object with schemas"),
                }
            }
            "required" if !(is_unique_strings(value) || self.is_old && value.is_boolean()) => {
                self.invalid(path, "must be a list of different names");
            }
            "enum" if !value.is_array() => self.invalid(path, "must be a list of values"),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" | "minContains" | "maxContains" => {
                let whole = value
                    .as_f64()
                    .is_some_and(|number| number >= 0.0 && number.fract() == 0.0);
                if !whole {
                    self.invalid(path, "must be a whole number that is not negative");
                }
            }
            "minimum" | "maximum" if !value.is_number() => self.invalid(path, "must be a number"),
            "exclusiveMinimum" | "exclusiveMaximum"
                if !(value.is_number() || self.is_old && value.is_boolean()) =>
            {
                self.invalid(path, "must be a number");
            }
            "multipleOf" if value.as_f64().is_none_or(|number| number <= 0.0) => {
                self.invalid(path, "must be a number above 0");
            }
            "$ref" => self.reference(value, path),
            "$id" | "$schema" | "$anchor" | "$comment" | "title" | "description" | "format"
            | "pattern"
                if !value.is_string() =>
            {
                self.invalid(path, "must be text");
            }
            "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" if !value.is_boolean() => {
                self.invalid(path, "must be true or false");
            }
            _ => {}
        }
    }

    fn list(&mut self, value: &'a Value, path: &mut Vec<&'a str>) {
        for schema in value.as_array().into_iter().flatten() {
            self.schema(schema, path);
        }
    }

    fn types(&mut self, value: &Value, path: &[&str]) {
        let known = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
        let valid = match value {
            Value::Array(names) => {
                !names.is_empty() && names.iter().all(known) && is_unique_strings(value)
            }
            name => known(name),
        };
        if !valid {
            self.invalid(path, format!("JSON Schema has no type {value}"));
        }
    }

    fn reference(&mut self, value: &Value, path: &[&str]) {
        let Some(target) = value.as_str() else {
            return self.invalid(path, "must be text");
        };
        let Some(pointer) = target.strip_prefix('#') else {
            let why = format!("refers to {target}, outside of the schema");
            return self.report(Kind::Outside, path, why);
        };
        // An anchor can be anywhere.
        let leads = !pointer.is_empty() && !pointer.starts_with('/')
            || self.root.pointer(&decoded(pointer)).is_some();
        if !leads {
            self.invalid(path, format!("refers to {target}, which does not exist"));
        }
    }

    fn required(&mut self, schema: &Value, path: &[&str]) {
        let composed = ["allOf", "anyOf", "oneOf", "$ref", "patternProperties", "if"];
        if composed.iter().any(|name| schema.get(name).is_some()) {
            // The property may be described there.
            return;
        }
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            if !properties.contains_key(name) {
                let why = format!("requires `{name}`, which `properties` does not describe");
                self.report(Kind::Undescribed, path, why);
            }
        }
    }
}

/// A URI fragment as a JSON pointer. Only what JSON pointers of schemas contain is decoded.
fn decoded(fragment: &str) -> String {
    let fragment = fragment.replace("%24", "$").replace("%20", " ");
    fragment.replace("%25", "%")
}

fn is_unique_strings(value: &Value) -> bool {
    let Some(items) = value.as_array() else {
        return false;
    };
    let names: Option<std::collections::BTreeSet<_>> = items.iter().map(Value::as_str).collect();
    names.is_some_and(|names| names.len() == items.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, problems};

    #[test]
    fn what_is_no_json_schema_is_named_with_its_place() {
        for (schema, at, kind) in [
            (json!({"type": "text"}), "/type", Kind::Invalid),
            (json!({"type": []}), "/type", Kind::Invalid),
            (
                json!({"type": ["string", "string"]}),
                "/type",
                Kind::Invalid,
            ),
            (json!({"properties": []}), "/properties", Kind::Invalid),
            (
                json!({"properties": {"a/b": 1}}),
                "/properties/a~1b",
                Kind::Invalid,
            ),
            (json!({"required": "a"}), "/required", Kind::Invalid),
            (json!({"required": true}), "/required", Kind::Invalid),
            (json!({"required": ["a", "a"]}), "/required", Kind::Invalid),
            (json!({"enum": "a"}), "/enum", Kind::Invalid),
            (json!({"anyOf": []}), "/anyOf", Kind::Invalid),
            (
                json!({"anyOf": [{"type": 1}]}),
                "/anyOf/type",
                Kind::Invalid,
            ),
            (json!({"items": [{}]}), "/items", Kind::Invalid),
            (json!({"minLength": -1}), "/minLength", Kind::Invalid),
            (json!({"minimum": "1"}), "/minimum", Kind::Invalid),
            (json!({"multipleOf": 0}), "/multipleOf", Kind::Invalid),
            (json!({"$ref": "#/$defs/a"}), "/$ref", Kind::Invalid),
            (
                json!({"$ref": "https://a.example/b"}),
                "/$ref",
                Kind::Outside,
            ),
            (
                json!({"properties": {}, "required": ["a"]}),
                "",
                Kind::Undescribed,
            ),
            (json!([]), "", Kind::Invalid),
        ] {
            let found = problems(&schema);
            let found: Vec<_> = found.iter().map(|one| (&*one.at, one.kind)).collect();
            assert_eq!(found, [(at, kind)], "{schema}");
        }
    }

    #[test]
    fn a_valid_schema_has_no_problems() {
        for schema in [
            json!(true),
            json!({}),
            json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#"}}}),
            json!({"$ref": "#anchor"}),
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true}),
            json!({"required": ["a"], "anyOf": [{"properties": {"a": {}}}], "properties": {}}),
            json!({"x-custom": 7, "default": null, "const": {"type": 1}, "minLength": 1.0}),
        ] {
            assert_eq!(problems(&schema), [], "{schema}");
        }
    }

    #[test]
    fn a_hostile_schema_is_read_to_a_bound() {
        let mut deep = json!({});
        for _ in 0..120 {
            deep = json!({"not": deep});
        }
        assert_eq!(problems(&deep).len(), 1);
        let many: Vec<_> = (0..200).map(|_| json!({"type": 1})).collect();
        assert_eq!(problems(&json!({"allOf": many})).len(), super::MOST);
    }
}
