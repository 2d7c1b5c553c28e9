//! What a request says of itself in `params._meta`.

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

/// The parts of a request's parameters that decide how it is served, read without touching the
/// rest.
#[derive(Debug, Default)]
pub struct RequestMeta {
    /// `io.modelcontextprotocol/protocolVersion`, as sent. Its presence makes a request modern.
    pub protocol_version: Option<Box<str>>,
    /// Whether `io.modelcontextprotocol/clientCapabilities` is an object.
    pub has_client_capabilities: bool,
    /// Whether a `progressToken` asks for progress notifications.
    pub wants_progress: bool,
    /// Whether `io.modelcontextprotocol/logLevel` asks for log messages, and from which level.
    pub log_level: Option<crate::LogLevel>,
    /// The value that `Mcp-Name` has to repeat, for the methods that have one.
    pub subject: Option<Box<str>>,
    /// Whether the parameters name a `protocolVersion` of their own, as those of a real
    /// `initialize` do.
    pub negotiates: bool,
    /// The `arguments` of `tools/call`.
    pub arguments: Option<RawJson>,
}

/// The parameter that names what a request is about (2026-07-28, "Standard Request Headers").
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
    /// The field that `method` is about, if it has one.
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

/// An object and nothing else: a derived implementation would take an array too.
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
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(meta)
    }
}

impl RequestMeta {
    /// Reads the metadata of a request or notification.
    ///
    /// # Errors
    /// -32602 when a member that is read here stands twice or has the wrong type.
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
        read.wants_progress = meta.progress_token.is_some_and(|raw| raw.get() != "null");
        read.log_level = match meta.log_level {
            None => None,
            Some(raw) => Some(
                serde_json::from_str(raw.get())
                    .map_err(|_| RpcError::invalid_params("logLevel is not a log level"))?,
            ),
        };
        Ok(read)
    }

    /// The modern revision that the request names, checked against those `supported`.
    ///
    /// # Errors
    /// -32022 for a revision that is not served; -32602 when the required metadata is missing.
    pub fn modern_version(
        &self,
        supported: &[ProtocolVersion],
    ) -> Result<ProtocolVersion, RpcError> {
        let Some(requested) = self.protocol_version.as_deref() else {
            return Err(RpcError::invalid_params(
                "_meta must hold io.modelcontextprotocol/protocolVersion",
            ));
        };
        let version = ProtocolVersion::parse(requested)
            .filter(|version| supported.contains(version))
            .ok_or_else(|| RpcError::unsupported_version(requested, supported))?;
        if !self.has_client_capabilities {
            return Err(RpcError::invalid_params(
                "_meta must hold io.modelcontextprotocol/clientCapabilities",
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
    fn only_the_members_that_matter_are_read() {
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
    fn repetitions_and_wrong_types_are_refused() {
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
    fn a_custom_method_may_use_the_same_names_for_other_things() {
        assert!(read(Method::Other("x".into()), r#"{"name":{"a":1},"uri":3}"#).is_ok());
    }

    #[test]
    fn an_unknown_revision_is_answered_with_those_that_are_served() {
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
