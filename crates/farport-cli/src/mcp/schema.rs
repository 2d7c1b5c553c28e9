//! Reads from a tool's JSON Schema what the command line needs: the types of its properties.
//!
//! References are followed inside the document only, and to a bounded depth, because the schema
//! comes from a server.

use serde_json::Value;

/// How many references, and how many levels of `anyOf` and the like, are followed.
const DEPTH: usize = 16;

/// A JSON type, as `type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

impl Type {
    const ALL: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
        ("null", Self::Null),
    ];

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }

    /// The name that JSON Schema uses.
    pub(crate) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("value", |(name, _)| name)
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

/// A schema inside a document, which its references point into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema<'a> {
    root: &'a Value,
    here: &'a Value,
    depth: usize,
}

impl<'a> Schema<'a> {
    /// The schema of the whole document.
    pub(crate) fn new(document: &'a Value) -> Self {
        Self {
            root: document,
            here: document,
            depth: 0,
        }
    }

    fn at(self, here: &'a Value) -> Self {
        Self {
            here,
            depth: self.depth + 1,
            ..self
        }
    }

    fn member(self, name: &str) -> Option<&'a Value> {
        self.here.get(name)
    }

    /// This schema, or the one that its `$ref` points to. A reference that leads nowhere, in a
    /// circle or out of the document is an empty schema, which permits everything.
    fn resolved(self) -> Self {
        let mut schema = self;
        while let Some(reference) = schema.member("$ref").and_then(Value::as_str) {
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            match target {
                Some(target) if schema.depth < DEPTH => schema = schema.at(target),
                _ => return self.at(&Value::Null),
            }
        }
        schema
    }

    /// The schemas that `anyOf` and `oneOf` offer.
    fn alternatives(self) -> Vec<Self> {
        if self.depth >= DEPTH {
            return Vec::new();
        }
        ["anyOf", "oneOf"]
            .iter()
            .filter_map(|name| self.member(name)?.as_array())
            .flatten()
            .map(|schema| self.at(schema).resolved())
            .collect()
    }

    /// The schemas that all apply: this one and those in `allOf`.
    fn together(self) -> Vec<Self> {
        let schema = self.resolved();
        let mut all = vec![schema];
        if schema.depth < DEPTH
            && let Some(parts) = schema.member("allOf").and_then(Value::as_array)
        {
            all.extend(parts.iter().flat_map(|part| schema.at(part).together()));
        }
        all
    }

    /// The types that a value may have. Empty if the schema permits every type.
    pub(crate) fn types(self) -> Vec<Type> {
        let mut types: Vec<Type> = Vec::new();
        for schema in self.together() {
            match schema.member("type") {
                Some(Value::String(name)) => types.extend(Type::named(name)),
                Some(Value::Array(names)) => {
                    types.extend(names.iter().filter_map(|name| Type::named(name.as_str()?)));
                }
                _ => {}
            }
            if types.is_empty() {
                types.extend(schema.choices().iter().map(|value| Type::of(value)));
            }
            if types.is_empty() {
                let alternatives = schema.alternatives();
                let known: Vec<_> = alternatives.iter().map(|schema| schema.types()).collect();
                // One alternative without a type permits every type.
                if known.iter().all(|types| !types.is_empty()) {
                    types.extend(known.into_iter().flatten());
                }
            }
            if !types.is_empty() && schema.member("nullable") == Some(&Value::Bool(true)) {
                types.push(Type::Null);
            }
        }
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The values of `enum` or `const`, of this schema or of its alternatives. Empty if it lists none.
    pub(crate) fn choices(self) -> Vec<&'a Value> {
        for schema in self.together() {
            if let Some(values) = schema.member("enum").and_then(Value::as_array) {
                return values.iter().collect();
            }
            if let Some(value) = schema.member("const") {
                return vec![value];
            }
            let alternatives = schema.alternatives();
            let mut values = Vec::new();
            for alternative in &alternatives {
                match alternative.choices() {
                    known if !known.is_empty() => values.extend(known),
                    _ if alternative.types() == [Type::Null] => values.push(&Value::Null),
                    // An alternative without a list: others are permitted, too.
                    _ => {
                        values.clear();
                        break;
                    }
                }
            }
            if !values.is_empty() {
                return values;
            }
        }
        Vec::new()
    }

    /// The properties of an object, in the order of the schema.
    pub(crate) fn properties(self) -> Vec<(&'a str, Self)> {
        let mut found: Vec<(&str, Self)> = Vec::new();
        for schema in self.together() {
            let members = schema.member("properties").and_then(Value::as_object);
            for (name, property) in members.into_iter().flatten() {
                if !found.iter().any(|(known, _)| known == name) {
                    found.push((name, schema.at(property)));
                }
            }
        }
        found
    }

    /// The names of the properties that an object must have.
    pub(crate) fn required(self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for schema in self.together() {
            let listed = schema.member("required").and_then(Value::as_array);
            names.extend(listed.into_iter().flatten().filter_map(Value::as_str));
        }
        names
    }

    /// Whether an object may have properties that the schema does not name.
    pub(crate) fn permits_more_properties(self) -> bool {
        let closed = |schema: Self| {
            schema.member("additionalProperties") == Some(&Value::Bool(false))
                || schema.member("unevaluatedProperties") == Some(&Value::Bool(false))
        };
        !self.together().into_iter().any(closed)
    }

    /// The schema of an array's items, if there is one for all of them.
    pub(crate) fn items(self) -> Option<Self> {
        let own = self.together().into_iter().find_map(|schema| {
            Some(schema.at(schema.member("items").filter(|items| items.is_object())?))
        });
        own.or_else(|| {
            let alternatives = self.resolved().alternatives();
            alternatives.into_iter().find_map(Self::items)
        })
    }

    /// What the value means, for people.
    pub(crate) fn description(self) -> Option<&'a str> {
        let own = self.member("description");
        let text = own.or_else(|| self.resolved().member("description"));
        text.and_then(Value::as_str)
    }

    /// The value that applies when a property is absent.
    pub(crate) fn default(self) -> Option<&'a Value> {
        self.member("default")
            .or_else(|| self.resolved().member("default"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Schema, Type};
    use serde_json::json;

    #[test]
    fn a_schema_says_which_types_a_value_may_have() {
        use Type::{Array, Integer, Null, Number, Object, String};
        for (schema, expected) in [
            (json!({"type": "string"}), vec![String]),
            (json!({"type": ["integer", "null"]}), vec![Integer, Null]),
            (json!({}), vec![]),
            (json!(true), vec![]),
            (json!({"enum": ["a", "b"]}), vec![String]),
            (json!({"enum": [1, 2.5]}), vec![Integer, Number]),
            (json!({"const": null}), vec![Null]),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
                vec![String, Null],
            ),
            (json!({"anyOf": [{"type": "string"}, {}]}), vec![]),
            (
                json!({"oneOf": [{"enum": ["x"]}, {"type": "number"}]}),
                vec![String, Number],
            ),
            (
                json!({"allOf": [{"description": "x"}, {"type": "array"}]}),
                vec![Array],
            ),
            (
                json!({"type": "number", "nullable": true}),
                vec![Number, Null],
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "object"}}}),
                vec![Object],
            ),
            (json!({"$ref": "#/nowhere"}), vec![]),
            (json!({"$ref": "https://example.com/schema"}), vec![]),
            (json!({"$ref": "#"}), vec![]),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}),
                vec![],
            ),
            (
                json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}),
                vec![],
            ),
        ] {
            assert_eq!(Schema::new(&schema).types(), expected, "{schema}");
        }
    }

    #[test]
    fn an_object_has_the_properties_of_all_its_parts() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "allOf": [{"$ref": "#/$defs/more"}],
            "$defs": {"more": {
                "properties": {"b": {"type": "integer"}, "a": {"type": "null"}},
                "required": ["b"],
                "additionalProperties": false
            }}
        });
        let schema = Schema::new(&schema);
        let names: Vec<_> = schema
            .properties()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(schema.required(), ["a", "b"]);
        assert!(!schema.permits_more_properties());
    }
}
