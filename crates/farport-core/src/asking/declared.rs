//! The questions that a client accepts.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::json;

use crate::{ErrorCode, RawJson, RpcError};

/// The questions that a client accepts, from the capabilities that it declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    form: bool,
    url: bool,
    sampling: bool,
    sampling_tools: bool,
    roots: bool,
}

/// Whether a member is an object.
#[derive(Clone, Copy, Default)]
struct IsObject(bool);

impl<'de> Deserialize<'de> for IsObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().starts_with('{')))
    }
}

#[derive(Default, Deserialize)]
struct Capabilities<'a> {
    #[serde(borrow)]
    elicitation: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    sampling: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    roots: IsObject,
}

#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default)]
    form: IsObject,
    #[serde(default)]
    url: IsObject,
    #[serde(default)]
    tools: IsObject,
}

impl Declared {
    /// Reads `ClientCapabilities`. A part that is malformed counts as not declared.
    pub fn read(capabilities: &RawJson) -> Self {
        let all: Capabilities<'_> = capabilities.read().unwrap_or_default();
        let parts = |raw: Option<&serde_json::value::RawValue>| {
            let object = raw.filter(|raw| raw.get().starts_with('{'))?;
            serde_json::from_str::<Parts>(object.get()).ok()
        };
        let (elicitation, sampling) = (parts(all.elicitation), parts(all.sampling));
        let url = elicitation.as_ref().is_some_and(|parts| parts.url.0);
        Self {
            // An empty object stands for forms.
            form: elicitation.is_some_and(|parts| parts.form.0 || !parts.url.0),
            url,
            sampling: sampling.is_some(),
            sampling_tools: sampling.is_some_and(|parts| parts.tools.0),
            roots: all.roots.0,
        }
    }

    /// Checks that the client accepts a question.
    ///
    /// # Errors
    /// -32021 with the missing capability; -32601 if `method` is not a question.
    pub fn permits(self, method: &str, params: Option<&str>) -> Result<(), RpcError> {
        #[derive(Default, Deserialize)]
        struct Params {
            mode: Option<String>,
            tools: Option<IgnoredAny>,
            #[serde(rename = "toolChoice")]
            tool_choice: Option<IgnoredAny>,
        }
        let params: Params = params
            .and_then(|params| serde_json::from_str(params).ok())
            .unwrap_or_default();
        let with_tools = params.tools.is_some() || params.tool_choice.is_some();
        let missing = match method {
            "elicitation/create" if params.mode.as_deref() == Some("url") => {
                (!self.url).then(|| json!({ "elicitation": { "url": {} } }))
            }
            "elicitation/create" => (!self.form).then(|| json!({ "elicitation": { "form": {} } })),
            "sampling/createMessage" if with_tools => {
                (!self.sampling_tools).then(|| json!({ "sampling": { "tools": {} } }))
            }
            "sampling/createMessage" => (!self.sampling).then(|| json!({ "sampling": {} })),
            "roots/list" => (!self.roots).then(|| json!({ "roots": {} })),
            _ => return Err(RpcError::method_not_found(method)),
        };
        match missing {
            None => Ok(()),
            Some(capabilities) => Err(RpcError {
                code: ErrorCode::MISSING_CLIENT_CAPABILITY,
                message: "The client did not declare a capability that this request needs".into(),
                data: Some(RawJson::from(
                    json!({ "requiredCapabilities": capabilities }).to_string(),
                )),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_its_capability() {
        let (url, form) = (Some(r#"{"mode":"url"}"#), Some(r#"{"mode":"form"}"#));
        let tools = Some(r#"{"tools":[]}"#);
        for (capabilities, method, params, code) in [
            ("{}", "elicitation/create", None, -32021),
            (r#"{"elicitation":{}}"#, "elicitation/create", None, 0),
            (r#"{"elicitation":{}}"#, "elicitation/create", form, 0),
            (r#"{"elicitation":{}}"#, "elicitation/create", url, -32021),
            (
                r#"{"elicitation":{"url":{}}}"#,
                "elicitation/create",
                url,
                0,
            ),
            (
                r#"{"elicitation":{"url":{}}}"#,
                "elicitation/create",
                form,
                -32021,
            ),
            (
                r#"{"elicitation":{"url":{},"form":{}}}"#,
                "elicitation/create",
                form,
                0,
            ),
            (r#"{"elicitation":[]}"#, "elicitation/create", None, -32021),
            ("{}", "sampling/createMessage", None, -32021),
            (r#"{"sampling":{}}"#, "sampling/createMessage", None, 0),
            (
                r#"{"sampling":{}}"#,
                "sampling/createMessage",
                tools,
                -32021,
            ),
            (
                r#"{"sampling":{"tools":{}}}"#,
                "sampling/createMessage",
                tools,
                0,
            ),
            ("{}", "roots/list", None, -32021),
            (r#"{"roots":{"listChanged":true}}"#, "roots/list", None, 0),
            (r#"{"roots":true}"#, "roots/list", None, -32021),
            (r#"{"roots":{}}"#, "ping", None, -32601),
            ("[]", "roots/list", None, -32021),
        ] {
            let declared = Declared::read(&RawJson::from(capabilities.to_owned()));
            let refused = declared.permits(method, params);
            let seen = refused.map_or_else(|error| error.code.0, |()| 0);
            assert_eq!(seen, code, "{capabilities} {method} {params:?}");
        }
    }
}
