//! The schema of a revision: the definition that a message has to match, and the check.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The definitions of one revision, each compiled at its first use.
pub(super) struct Schema {
    document: Map<String, Value>,
    /// The member with the definitions: `definitions` or `$defs`.
    key: &'static str,
    compiled: HashMap<String, Validator>,
    /// The definition of each method's request or notification.
    methods: HashMap<String, String>,
}

impl Schema {
    /// Reads a schema from its file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a schema with definitions.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::new(serde_json::from_slice(&text)?)
    }

    fn new(document: Value) -> Result<Self> {
        let Value::Object(document) = document else {
            return Err(anyhow!("a schema is a JSON object"));
        };
        let key = if document.contains_key("$defs") {
            "$defs"
        } else {
            "definitions"
        };
        let definitions = document
            .get(key)
            .and_then(Value::as_object)
            .context("a schema with definitions")?;
        let method = |definition: &Value| {
            Some(
                definition
                    .pointer("/properties/method/const")?
                    .as_str()?
                    .to_owned(),
            )
        };
        let methods = definitions
            .iter()
            .filter_map(|(name, it)| Some((method(it)?, name.clone())));
        Ok(Self {
            methods: methods.collect(),
            key,
            compiled: HashMap::new(),
            document,
        })
    }

    fn has(&self, definition: &str) -> bool {
        self.document
            .get(self.key)
            .is_some_and(|definitions| definitions.get(definition).is_some())
    }

    /// Returns the definition that `message` has to match. For a response, `requested` is the method of its
    /// request.
    ///
    /// # Errors
    /// When the revision has no such method, or the message is not JSON-RPC.
    pub(super) fn definition(&self, message: &Value, requested: Option<&str>) -> Result<String> {
        if let Some(method) = message["method"].as_str() {
            let known = self.methods.get(method).cloned();
            return known.with_context(|| format!("this revision has no method {method}"));
        }
        if message.get("error").is_some() {
            let specific = match message["error"]["code"].as_i64() {
                Some(-32020) => "HeaderMismatchError",
                Some(-32021) => "MissingRequiredClientCapabilityError",
                Some(-32022) => "UnsupportedProtocolVersionError",
                _ => "JSONRPCErrorResponse",
            };
            let names = [specific, "JSONRPCErrorResponse", "JSONRPCError"];
            let name = names.into_iter().find(|name| self.has(name));
            return Ok(name.context("this revision has no errors")?.to_owned());
        }
        let method = requested.context("a response without a request")?;
        let request = self
            .methods
            .get(method)
            .with_context(|| format!("this revision has no method {method}"))?;
        let result = match message["result"]["resultType"].as_str() {
            Some("input_required") => "InputRequiredResult".to_owned(),
            _ => request.replace("Request", "Result"),
        };
        Ok(if self.has(&result) {
            result
        } else {
            "EmptyResult".into()
        })
    }

    /// Returns the faults of `message` against `definition` and the definition of its envelope.
    ///
    /// # Errors
    /// When a definition is missing or cannot be compiled.
    pub(super) fn faults(&mut self, message: &Value, definition: &str) -> Result<Vec<String>> {
        let mut faults = self.check("JSONRPCMessage", message)?;
        let subject = if definition.ends_with("Result") {
            &message["result"]
        } else {
            message
        };
        faults.extend(self.check(definition, subject)?);
        Ok(faults)
    }

    /// Returns the faults of `value` against `definition`.
    ///
    /// # Errors
    /// When the definition is missing or cannot be compiled.
    pub(super) fn check(&mut self, definition: &str, value: &Value) -> Result<Vec<String>> {
        if !self.compiled.contains_key(definition) {
            let mut document = self.document.clone();
            document.insert("$ref".into(), json!(format!("#/{}/{definition}", self.key)));
            let validator = jsonschema::validator_for(&Value::Object(document));
            let validator =
                validator.map_err(|error| anyhow!("the definition {definition}: {error}"))?;
            self.compiled.insert(definition.to_owned(), validator);
        }
        let validator = self
            .compiled
            .get(definition)
            .context("a definition that was just compiled")?;
        let faults = validator.iter_errors(value);
        Ok(faults
            .map(|fault| format!("{definition}{}: {fault}", fault.instance_path()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Schema;

    fn schema() -> Schema {
        Schema::new(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "JSONRPCMessage": { "type": "object", "required": ["jsonrpc"] },
                "JSONRPCErrorResponse": { "type": "object", "required": ["error"] },
                "EmptyResult": { "type": "object" },
                "PingRequest": { "properties": { "method": { "const": "ping" } } },
                "AddRequest": { "properties": { "method": { "const": "add" } } },
                "AddResult": { "type": "object", "required": ["sum"] },
            }
        }))
        .unwrap()
    }

    #[test]
    fn a_message_names_the_definition_that_it_has_to_match() {
        for (message, requested, expect) in [
            (
                json!({ "method": "add", "id": 1 }),
                None,
                Some("AddRequest"),
            ),
            (
                json!({ "id": 1, "result": {} }),
                Some("add"),
                Some("AddResult"),
            ),
            (
                json!({ "id": 1, "result": {} }),
                Some("ping"),
                Some("EmptyResult"),
            ),
            (
                json!({ "id": 1, "error": { "code": -32020 } }),
                Some("add"),
                Some("JSONRPCErrorResponse"),
            ),
            (json!({ "method": "unknown/method" }), None, None),
            (json!({ "id": 1, "result": {} }), None, None),
        ] {
            assert_eq!(
                schema().definition(&message, requested).ok().as_deref(),
                expect,
                "{message}"
            );
        }
    }

    #[test]
    fn a_result_that_lacks_a_member_has_a_fault() {
        let mut schema = schema();
        let good = json!({ "jsonrpc": "2.0", "result": { "sum": 3 } });
        assert_eq!(
            schema.faults(&good, "AddResult").unwrap(),
            Vec::<String>::new()
        );
        let bad = json!({ "jsonrpc": "2.0", "result": {} });
        assert_eq!(schema.faults(&bad, "AddResult").unwrap().len(), 1);
    }
}
