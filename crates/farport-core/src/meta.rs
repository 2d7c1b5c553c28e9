//! Request metadata from `params` and `params._meta`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Method, ProtocolVersion, RpcError,
    json::{self, RawJson},
};

/// The members of a request's parameters that decide how the server handles it. The other members are
/// not parsed.
#[derive(Debug, Default)]
pub struct RequestMeta {
    /// `io.modelcontextprotocol/protocolVersion`. A request that has it is modern.
    pub protocol_version: Option<Box<str>>,
    /// Whether `io.modelcontextprotocol/clientCapabilities` is an object.
    pub has_client_capabilities: bool,
    /// Whether a `progressToken` requests progress notifications.
    pub wants_progress: bool,
    /// `io.modelcontextprotocol/logLevel`: the minimum severity of log messages, if the client wants
    /// any.
    pub log_level: Option<crate::LogLevel>,
    /// The value that `Mcp-Name` must repeat, for methods that have a [`SubjectField`].
    pub subject: Option<Box<str>>,
    /// Whether the parameters have a `protocolVersion` member, as in `initialize`.
    pub negotiates: bool,
    /// The `arguments` of `tools/call`.
    pub arguments: Option<RawJson>,
    /// The client's capabilities, if they seem to contain elicitation, sampling or roots and the method
    /// allows an `input_required` result.
    pub questions: Option<RawJson>,
    /// `requestState`, of methods that allow an `input_required` result.
    pub request_state: Option<Box<str>>,
    /// `inputResponses`, of methods that allow an `input_required` result.
    pub input_responses: Option<RawJson>,
    /// The `progressToken`, as JSON, if `questions` is set.
    pub progress_token: Option<RawJson>,
}

/// The parameter that names the subject of a request (2026-07-28, "Standard Request Headers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectField {
    /// `params.name`
    Name,
    /// `params.uri`
    Uri,
    /// `params.taskId`
    TaskId,
}

impl SubjectField {
    /// Returns the field of `method`, if it has one.
    pub fn of(method: &Method) -> Option<Self> {
        Some(match method {
            Method::ToolsCall | Method::PromptsGet => Self::Name,
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                Self::Uri
            }
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => Self::TaskId,
            _ => return None,
        })
    }
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId")]
    task_id: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "protocolVersion")]
    protocol_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestState")]
    request_state: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputResponses")]
    input_responses: Option<&'a RawValue>,
}

#[derive(Default)]
struct Meta<'a> {
    protocol_version: Option<&'a RawValue>,
    client_capabilities: Option<&'a RawValue>,
    log_level: Option<&'a RawValue>,
    progress_token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
enum MetaKey {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    ProtocolVersion,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    ClientCapabilities,
    #[serde(rename = "io.modelcontextprotocol/logLevel")]
    LogLevel,
    #[serde(rename = "progressToken")]
    ProgressToken,
    #[serde(other)]
    Other,
}

/// Accepts only an object. A derived implementation would also accept an array.
impl<'de: 'a, 'a> Deserialize<'de> for Meta<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetaVisitor)
    }
}

struct MetaVisitor;

impl<'de> Visitor<'de> for MetaVisitor {
    type Value = Meta<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Meta<'de>, A::Error> {
        let mut meta = Meta::default();
        while let Some(key) = map.next_key()? {
            let slot = match key {
                MetaKey::ProtocolVersion => &mut meta.protocol_version,
                MetaKey::ClientCapabilities => &mut meta.client_capabilities,
                MetaKey::LogLevel => &mut meta.log_level,
                MetaKey::ProgressToken => &mut meta.progress_token,
                MetaKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("a member is repeated"));
            }
        }
        Ok(meta)
    }
}

/// Reports whether capabilities contain a member of this name anywhere. [`Declared`] reads them exactly,
/// once a handler asks.
///
/// [`Declared`]: crate::asking::Declared
fn seems_to_accept_questions(capabilities: &str) -> bool {
    let has = |name: &str| memchr::memmem::find(capabilities.as_bytes(), name.as_bytes()).is_some();
    capabilities.len() > 2 && (has("\"elicitation\"") || has("\"sampling\"") || has("\"roots\""))
}

impl RequestMeta {
    /// Reads the metadata of a request or notification.
    ///
    /// # Errors
    /// -32602 if a member that this reads is repeated or has the wrong type.
    pub fn read(method: &Method, params: Option<&RawJson>) -> Result<Self, RpcError> {
        let Some(raw) = params else {
            return Ok(Self::default());
        };
        let params: Params<'_> = raw
            .read()
            .map_err(|_| RpcError::invalid_params("params or its _meta is malformed"))?;
        let mut read = Self {
            negotiates: params.protocol_version.is_some(),
            ..Self::default()
        };
        let subject = SubjectField::of(method).and_then(|field| match field {
            SubjectField::Name => params.name,
            SubjectField::Uri => params.uri,
            SubjectField::TaskId => params.task_id,
        });
        read.subject = subject.and_then(json::text).map(Into::into);
        if matches!(method, Method::ToolsCall) {
            read.arguments = params.arguments.map(|arguments| raw.part(arguments));
        }
        let can_ask = method.allows_input_required();
        if can_ask {
            read.request_state = params.request_state.and_then(json::text).map(Into::into);
            read.input_responses = params.input_responses.map(|responses| raw.part(responses));
        }
        let Some(meta) = params.meta else {
            return Ok(read);
        };
        if let Some(version) = meta.protocol_version {
            let version = json::text(version)
                .ok_or_else(|| RpcError::invalid_params("protocolVersion must be a string"))?;
            read.protocol_version = Some(version.into());
        }
        read.has_client_capabilities = meta
            .client_capabilities
            .is_some_and(|raw| raw.get().starts_with('{'));
        if can_ask {
            let capabilities = meta.client_capabilities;
            let capabilities = capabilities.filter(|raw| seems_to_accept_questions(raw.get()));
            read.questions = capabilities.map(|capabilities| raw.part(capabilities));
            if read.questions.is_some() {
                read.progress_token = meta.progress_token.map(|token| raw.part(token));
            }
        }
        read.wants_progress = meta.progress_token.is_some_and(|raw| raw.get() != "null");
        read.log_level = match meta.log_level {
            None => None,
            Some(raw) => Some(
                serde_json::from_str(raw.get())
                    .map_err(|_| RpcError::invalid_params("logLevel is not a valid log level"))?,
            ),
        };
        Ok(read)
    }

    /// Returns the modern revision that the request names.
    ///
    /// # Errors
    /// -32022 if the revision is not in `supported`, -32602 if required metadata is missing.
    pub fn modern_version(
        &self,
        supported: &[ProtocolVersion],
    ) -> Result<ProtocolVersion, RpcError> {
        let Some(requested) = self.protocol_version.as_deref() else {
            return Err(RpcError::invalid_params(
                "_meta must contain io.modelcontextprotocol/protocolVersion",
            ));
        };
        let version = ProtocolVersion::parse(requested)
            .filter(|version| supported.contains(version))
            .ok_or_else(|| RpcError::unsupported_version(requested, supported))?;
        if !self.has_client_capabilities {
            return Err(RpcError::invalid_params(
                "_meta must contain io.modelcontextprotocol/clientCapabilities",
            ));
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, params: &str) -> Result<RequestMeta, RpcError> {
        RequestMeta::read(&method, Some(&RawJson::from(params.to_owned())))
    }

    #[test]
    fn only_the_needed_members_are_read() {
        let meta = read(
            Method::ToolsCall,
            r#"{"name":"a\u0062","arguments":{"x":[1]},"_meta":{"progressToken":0,
                "io.modelcontextprotocol/protocolVersion":"2026-07-28",
                "io.modelcontextprotocol/clientCapabilities":{},
                "io.modelcontextprotocol/logLevel":"error","other":{"deep":1}}}"#,
        )
        .unwrap();
        assert_eq!(meta.subject.as_deref(), Some("ab"));
        assert_eq!(meta.arguments.as_ref().unwrap().as_bytes(), br#"{"x":[1]}"#);
        assert!(meta.wants_progress);
        assert_eq!(meta.log_level, Some(crate::LogLevel::Error));
        let version = meta.modern_version(&ProtocolVersion::ALL).unwrap();
        assert_eq!(version, ProtocolVersion::V2026_07_28);
    }

    #[test]
    fn repeated_members_and_wrong_types_are_rejected() {
        for params in [
            r#"{"name":"a","name":"b"}"#,
            r#"{"_meta":{},"_meta":{}}"#,
            r#"{"_meta":[]}"#,
            r#"{"_meta":["2026-07-28",{},"info",1]}"#,
            r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}"#,
            r#"{"_meta":{"io.modelcontextprotocol/logLevel":"loud"}}"#,
            r#"{"_meta":{"progressToken":1,"progressToken":2}}"#,
        ] {
            let error = read(Method::ToolsCall, params).unwrap_err();
            assert_eq!(error.code.0, -32602, "{params}");
        }
    }

    #[test]
    fn a_custom_method_may_use_the_same_names_with_other_types() {
        assert!(read(Method::Other("x".into()), r#"{"name":{"a":1},"uri":3}"#).is_ok());
    }

    #[test]
    fn the_error_for_an_unknown_revision_lists_the_supported_ones() {
        let meta = read(
            Method::ToolsList,
            r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"1900-01-01",
                "io.modelcontextprotocol/clientCapabilities":{}}}"#,
        );
        let error = meta
            .unwrap()
            .modern_version(&ProtocolVersion::ALL)
            .unwrap_err();
        assert_eq!(error.code.0, -32022);
        let data: serde_json::Value = error.data.unwrap().parse().unwrap();
        assert_eq!(data["requested"], "1900-01-01");
        assert_eq!(data["supported"][0], "2026-07-28");
    }
}
