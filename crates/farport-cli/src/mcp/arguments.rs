//! A tool's arguments, as the command line gives them.
//!
//! `name=value` has the type that the tool's schema gives the property: `012` stays text for a
//! string, and is an error for an integer. `name:=JSON` is JSON, and `name=@FILE` reads a file.

use std::{fmt, fs, path::PathBuf, str::FromStr};

use serde_json::{Map, Value};

use super::schema::{Schema, Type};

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    name: String,
    given: Given,
}

/// What stands behind the name.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    /// Text, whose type the schema decides.
    Text(String),
    /// JSON.
    Json(Value),
    /// A file with text.
    TextFile(PathBuf),
    /// A file with JSON.
    JsonFile(PathBuf),
}

/// Why arguments do not fit. The message names the argument.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ArgumentError {
    message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl ArgumentError {
    fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
        }
    }

    fn with_hint(self, hint: impl fmt::Display) -> Self {
        Self {
            hint: Some(hint.to_string()),
            ..self
        }
    }
}

impl Argument {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Argument {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, value)) = text.split_once('=') else {
            let error = ArgumentError::new(format_args!("`{text}` is not NAME=VALUE"));
            return Err(error.with_hint("write NAME=TEXT, NAME:=JSON or NAME=@FILE"));
        };
        let (name, is_json) = match name.strip_suffix(':') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if name.is_empty() {
            return Err(ArgumentError::new(format_args!(
                "`{text}` has no name before `=`"
            )));
        }
        let given = match (is_json, value.strip_prefix('@')) {
            (false, Some(path)) => Given::TextFile(path.into()),
            (true, Some(path)) => Given::JsonFile(path.into()),
            (false, None) => Given::Text(value.to_owned()),
            (true, None) => Given::Json(json(name, value)?),
        };
        Ok(Self {
            name: name.to_owned(),
            given,
        })
    }
}

fn json(name: &str, text: &str) -> Result<Value, ArgumentError> {
    serde_json::from_str(text).map_err(|error| {
        ArgumentError::new(format_args!("argument `{name}` is not JSON: {error}")).with_hint(
            format_args!("for text, write {name}=TEXT without the colon"),
        )
    })
}

/// Adds `arguments` to `object`, each with the type that `schema` gives it.
///
/// A property that is an array takes one item from each argument of its name, or a whole array in
/// brackets.
///
/// # Errors
/// When a value has not the property's type, the schema has no such property, a required one is
/// missing, or a file cannot be read.
pub(crate) fn fill(
    mut object: Map<String, Value>,
    arguments: &[Argument],
    schema: Schema<'_>,
) -> Result<Map<String, Value>, ArgumentError> {
    let properties = schema.properties();
    let mut given: Vec<&str> = Vec::new();
    for Argument { name, given: value } in arguments {
        let property = properties.iter().find(|(known, _)| known == name);
        if property.is_none() && !schema.permits_more_properties() {
            let names = properties.iter().map(|(name, _)| *name);
            return Err(unknown(name, names));
        }
        let property = property.map(|(_, schema)| *schema);
        let value = match value {
            Given::Text(text) => typed(name, text, property)?,
            Given::Json(value) => value.clone(),
            Given::TextFile(path) => typed(name, &read(name, path)?, property)?,
            Given::JsonFile(path) => json(name, &read(name, path)?)?,
        };
        let again = given.contains(&name.as_str());
        given.push(name);
        match (object.get_mut(name), value) {
            (Some(Value::Array(items)), Value::Array(more)) if again => items.extend(more),
            _ if again => {
                let error = ArgumentError::new(format_args!("argument `{name}` is given twice"));
                return Err(error.with_hint("only a property that is an array takes several"));
            }
            (_, value) => {
                object.insert(name.clone(), value);
            }
        }
    }
    let missing: Vec<_> = schema
        .required()
        .into_iter()
        .filter(|name| !object.contains_key(*name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let what = if missing.len() == 1 {
            "argument"
        } else {
            "arguments"
        };
        return Err(ArgumentError::new(format_args!(
            "the tool requires the {what} {}",
            missing.join(", ")
        )));
    }
    Ok(object)
}

fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> ArgumentError {
    let error = ArgumentError::new(format_args!("the tool has no argument `{name}`"));
    let near = super::nearest(name, names.clone());
    let all: Vec<_> = names.collect();
    match near {
        Some(near) => error.with_hint(format_args!("did you mean `{near}`?")),
        None if all.is_empty() => error.with_hint("the tool takes no arguments"),
        None => error.with_hint(format_args!("the tool takes {}", all.join(", "))),
    }
}

fn read(name: &str, path: &PathBuf) -> Result<String, ArgumentError> {
    fs::read_to_string(path).map_err(|error| {
        ArgumentError::new(format_args!(
            "cannot read `{}` for the argument `{name}`: {error}",
            path.display()
        ))
    })
}

/// The value of `text` in the type of its schema. Without a schema, or where text is permitted, it
/// stays text.
///
/// # Errors
/// When the text is no value of that type.
pub(crate) fn typed(
    name: &str,
    text: &str,
    schema: Option<Schema<'_>>,
) -> Result<Value, ArgumentError> {
    let Some(schema) = schema else {
        return Ok(Value::String(text.to_owned()));
    };
    let types = schema.types();
    let value = if types.is_empty() || types.contains(&Type::String) {
        Some(Value::String(text.to_owned()))
    } else {
        types.iter().find_map(|kind| as_type(text, *kind))
    };
    let value = match value {
        Some(value) => value,
        None if types.contains(&Type::Array) && !text.trim_start().starts_with('[') => {
            Value::Array(vec![typed(name, text, schema.items())?])
        }
        None => {
            let names: Vec<_> = types.iter().map(|kind| kind.name()).collect();
            let error = ArgumentError::new(format_args!(
                "argument `{name}` must be {}, not `{text}`",
                names.join(" or ")
            ));
            return Err(
                if types
                    .iter()
                    .any(|kind| matches!(kind, Type::Array | Type::Object))
                {
                    error.with_hint(format_args!("write it as JSON: {name}:='…'"))
                } else {
                    error
                },
            );
        }
    };
    let choices = schema.choices();
    if choices.is_empty() || choices.contains(&&value) || value.is_array() {
        return Ok(value);
    }
    let choices: Vec<_> = choices
        .into_iter()
        .map(|choice| {
            choice
                .as_str()
                .map_or_else(|| choice.to_string(), str::to_owned)
        })
        .collect();
    let error = ArgumentError::new(format_args!("argument `{name}` may not be `{text}`"));
    Err(error.with_hint(format_args!("use one of: {}", choices.join(", "))))
}

/// The value of `text` in this type, if it is one of its values.
fn as_type(text: &str, kind: Type) -> Option<Value> {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    match kind {
        Type::String => Some(Value::String(text.to_owned())),
        Type::Integer => parsed().filter(|value| value.is_i64() || value.is_u64()),
        Type::Number => parsed().filter(Value::is_number),
        Type::Boolean => parsed().filter(Value::is_boolean),
        Type::Array => parsed().filter(Value::is_array),
        Type::Object => parsed().filter(Value::is_object),
        Type::Null => parsed().filter(Value::is_null),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Argument, ArgumentError, Schema, fill};

    fn filled(schema: &Value, arguments: &str) -> Result<Value, ArgumentError> {
        let arguments: Result<Vec<Argument>, _> =
            arguments.split_whitespace().map(str::parse).collect();
        fill(Map::new(), &arguments?, Schema::new(schema)).map(Value::Object)
    }

    #[test]
    fn an_argument_has_the_type_of_its_property() {
        let property = |schema: Value| json!({"properties": {"x": schema}});
        let nullable = json!({"anyOf": [{"type": "integer"}, {"type": "null"}]});
        let strings = json!({"type": "array", "items": {"type": "string"}});
        let integers = json!({"type": "array", "items": {"type": "integer"}});
        for (schema, arguments, expected) in [
            (json!({"type": "string"}), "x=012", json!("012")),
            (json!({"type": "string"}), "x=true", json!("true")),
            (json!({"type": "string"}), "x=", json!("")),
            (json!({"type": "string"}), "x=a=b", json!("a=b")),
            (json!({"type": "string"}), "x:=\"@a\"", json!("@a")),
            (json!({"type": ["string", "integer"]}), "x=12", json!("12")),
            (json!({"type": "integer"}), "x=12", json!(12)),
            (json!({"type": "integer"}), "x=-1", json!(-1)),
            (
                json!({"type": "integer"}),
                "x=18446744073709551615",
                json!(u64::MAX),
            ),
            (json!({"type": "number"}), "x=1.5e3", json!(1500.0)),
            (json!({"type": "number"}), "x=2", json!(2)),
            (json!({"type": "boolean"}), "x=false", json!(false)),
            (nullable.clone(), "x=null", json!(null)),
            (nullable, "x=3", json!(3)),
            (strings.clone(), "x=a x=b", json!(["a", "b"])),
            (strings.clone(), "x=[\"a\"]", json!(["a"])),
            (strings, "x:=[] x=b", json!(["b"])),
            (integers, "x=1 x=2", json!([1, 2])),
            (json!({"type": "object"}), "x={\"a\":1}", json!({"a": 1})),
            (json!({"enum": ["a", "b"]}), "x=b", json!("b")),
            (json!({"enum": [1, 2]}), "x=2", json!(2)),
            (json!({}), "x=1", json!("1")),
            (json!({}), "x:=1", json!(1)),
        ] {
            let schema = property(schema);
            let made = filled(&schema, arguments).unwrap();
            assert_eq!(made["x"], expected, "{schema} {arguments}");
        }
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named() {
        let schema = json!({
            "properties": {
                "count": {"type": "integer"},
                "filter": {"type": "object"},
                "on": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "integer"}},
                "unit": {"enum": ["celsius", "fahrenheit"]}
            },
            "required": ["count"],
            "additionalProperties": false
        });
        for (arguments, message, hint) in [
            (
                "count=012",
                "argument `count` must be integer, not `012`",
                "",
            ),
            (
                "count=1.5",
                "argument `count` must be integer, not `1.5`",
                "",
            ),
            (
                "count=99999999999999999999",
                "argument `count` must be integer, not `99999999999999999999`",
                "",
            ),
            ("count=", "argument `count` must be integer, not ``", ""),
            (
                "count=1 on=yes",
                "argument `on` must be boolean, not `yes`",
                "",
            ),
            (
                "count=1 unit=kelvin",
                "argument `unit` may not be `kelvin`",
                "use one of: celsius, fahrenheit",
            ),
            (
                "count=1 tags=x",
                "argument `tags` must be integer, not `x`",
                "",
            ),
            (
                "count=1 tags=[1",
                "argument `tags` must be array, not `[1`",
                "write it as JSON: tags:='…'",
            ),
            (
                "count=1 filter=x",
                "argument `filter` must be object, not `x`",
                "write it as JSON: filter:='…'",
            ),
            (
                "count=1 filter:=x",
                "argument `filter` is not JSON: expected value at line 1 column 1",
                "for text, write filter=TEXT without the colon",
            ),
            (
                "cuont=1",
                "the tool has no argument `cuont`",
                "did you mean `count`?",
            ),
            (
                "elsewhere=1",
                "the tool has no argument `elsewhere`",
                "the tool takes count, filter, on, tags, unit",
            ),
            ("unit=celsius", "the tool requires the argument `count`", ""),
            (
                "count=1 count=2",
                "argument `count` is given twice",
                "only a property that is an array takes several",
            ),
            (
                "count",
                "`count` is not NAME=VALUE",
                "write NAME=TEXT, NAME:=JSON or NAME=@FILE",
            ),
            ("=1", "`=1` has no name before `=`", ""),
        ] {
            let error = filled(&schema, arguments).unwrap_err();
            let said = (error.to_string(), error.hint.unwrap_or_default());
            assert_eq!(said, (message.to_owned(), hint.to_owned()), "{arguments}");
        }
    }

    #[test]
    fn a_file_gives_text_or_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, "[1, 2]").unwrap();
        let path = path.display();
        let schema = json!({"properties": {"text": {"type": "string"}}});
        let made = filled(&schema, &format!("text=@{path} list:=@{path}")).unwrap();
        assert_eq!(made, json!({"text": "[1, 2]", "list": [1, 2]}));
        let error = filled(&schema, &format!("text=@{path}x")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read `"), "{error}");
    }
}
