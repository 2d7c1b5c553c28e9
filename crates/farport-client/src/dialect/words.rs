//! Results and errors of one era, in the words of the other.

use farport_core::{Era, ProtocolVersion};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::message::{Id, error_code};
use super::meta::SERVER_INFO;
use super::{INVALID_PARAMS, REVISION};
use crate::members::Members;

pub(super) const NO_VERSION: &str =
    "_meta must hold io.modelcontextprotocol/protocolVersion; the client speaks MCP 2026-07-28";
pub(super) const NO_CAPABILITIES: &str =
    "_meta must hold io.modelcontextprotocol/clientCapabilities";

/// 2025-11-25: the client is to visit URLs before it repeats the request.
pub(super) const URL_ELICITATION_REQUIRED: i64 = -32042;
/// The session era: the resource does not exist.
const RESOURCE_NOT_FOUND: i64 = -32002;

/// The answer to `initialize`, made of the answer to `server/discover`. `requested` is the revision
/// that the caller wants, as JSON. `None` if the server does not support 2026-07-28.
pub(super) fn initialized(discovered: &str, requested: Option<&str>) -> Option<String> {
    let found = Members::read(discovered)?;
    let versions: Vec<String> = serde_json::from_str(found.get("supportedVersions")?).ok()?;
    if !versions.iter().any(|version| version == REVISION) {
        return None;
    }
    let requested: Option<String> = requested.and_then(|json| serde_json::from_str(json).ok());
    let requested = requested.and_then(|name| ProtocolVersion::parse(&name));
    let version = requested
        .filter(|version| version.era() == Era::Session)
        .unwrap_or(ProtocolVersion::NEWEST_SESSION);
    let meta = found.get("_meta").and_then(Members::read);
    let meta = meta.unwrap_or_default();
    let info = meta.get(SERVER_INFO).or(found.get("serverInfo"));
    let mut answer = Members::default();
    answer.set("protocolVersion", format!("\"{version}\""));
    answer.set("capabilities", found.get("capabilities").unwrap_or("{}"));
    answer.set(
        "serverInfo",
        info.unwrap_or(r#"{"name":"unnamed","version":"0"}"#),
    );
    if let Some(instructions) = found.get("instructions") {
        answer.set("instructions", instructions);
    }
    Some(answer.json())
}

/// The reason that a server cannot be used whose answer to `server/discover` does not name
/// 2026-07-28.
pub(super) fn unsupported(discovered: &str) -> String {
    let found = Members::read(discovered).unwrap_or_default();
    let versions = found.get("supportedVersions");
    let versions: Vec<String> = versions
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    let speaks = if versions.is_empty() {
        "it names none".to_owned()
    } else {
        format!("it speaks {}", versions.join(", "))
    };
    format!("the server speaks no version of MCP that this client speaks: {speaks}")
}

/// What to do about [`unsupported`].
pub(super) const UNSUPPORTED_HINT: &str = "update the client";

/// The answer to `server/discover`, made of the answer to `initialize`.
pub(super) fn discovered(initialized: &str) -> String {
    let known = Members::read(initialized).unwrap_or_default();
    let mut result = Members::default();
    result.set("resultType", r#""complete""#);
    result.set("supportedVersions", format!("[\"{REVISION}\"]"));
    result.set("capabilities", known.get("capabilities").unwrap_or("{}"));
    if let Some(instructions) = known.get("instructions") {
        result.set("instructions", instructions);
    }
    if let Some(info) = known.get("serverInfo") {
        result.set("_meta", format!(r#"{{"{SERVER_INFO}":{info}}}"#));
    }
    result.set("ttlMs", "0");
    result.set("cacheScope", r#""private""#);
    result.json()
}

/// A result of the session era, with what 2026-07-28 requires of it.
pub(super) fn result_for_modern(method: &str, result: &str, info: Option<&str>) -> String {
    let Some(mut members) = Members::read(result) else {
        return result.to_owned();
    };
    let mut defaults = vec![("resultType", r#""complete""#)];
    if method.ends_with("/list") || method == "resources/read" {
        // The session says nothing about how long a result is good for, or for which users.
        defaults.extend([("ttlMs", "0"), ("cacheScope", r#""private""#)]);
    }
    for (name, value) in defaults {
        if members.get(name).is_none() {
            members.set(name, value);
        }
    }
    if let Some(info) = info {
        let given = members.get("_meta").map(str::to_owned);
        let mut meta = given.as_deref().and_then(Members::read).unwrap_or_default();
        if meta.get(SERVER_INFO).is_none() {
            meta.set(SERVER_INFO, info);
        }
        let meta = meta.json();
        members.set("_meta", meta);
    }
    members.json()
}

/// An error of the session era as 2026-07-28 has it; `None` if it stays as it is.
pub(super) fn error_for_modern(method: &str, subject: Option<&str>, error: &str) -> Option<String> {
    if error_code(error) != RESOURCE_NOT_FOUND {
        return None;
    }
    let mut error = Members::read(error)?;
    error.set("code", INVALID_PARAMS.to_string());
    if method == "resources/read" && error.get("data").is_none() {
        let data = serde_json::json!({ "uri": subject? });
        error.set("data", data.to_string());
    }
    Some(error.json())
}

/// An error of 2026-07-28 as the session era has it; `None` if it stays as it is.
pub(super) fn error_for_session(method: &str, error: &str) -> Option<String> {
    if method != "resources/read" || error_code(error) != INVALID_PARAMS {
        return None;
    }
    let mut error = Members::read(error)?;
    let data = Members::read(error.get("data")?)?;
    data.get("uri")?;
    error.set("code", RESOURCE_NOT_FOUND.to_string());
    Some(error.json())
}

/// A result of 2026-07-28 without what the session era forbids; `None` if it stays as it is.
///
/// 2026-07-28 permits any JSON as `structuredContent`, and any schema as `outputSchema`. Clients
/// of the session era refuse whole results for anything but objects.
pub(super) fn result_for_session(method: &str, result: &str) -> Option<String> {
    match method {
        "tools/call" if result.contains(r#""structuredContent""#) => {
            let mut members = Members::read(result)?;
            if members.get("structuredContent")?.starts_with('{') {
                return None;
            }
            members.remove("structuredContent");
            Some(members.json())
        }
        "tools/list" if result.contains(r#""outputSchema""#) => {
            let mut members = Members::read(result)?;
            let tools: Vec<&RawValue> = serde_json::from_str(members.get("tools")?).ok()?;
            let older: Vec<Option<String>> = tools.iter().map(|it| older_tool(it.get())).collect();
            if older.iter().all(Option::is_none) {
                return None;
            }
            let tools = tools.iter().zip(&older);
            let tools: Vec<&str> = tools
                .map(|(tool, older)| older.as_deref().unwrap_or(tool.get()))
                .collect();
            let tools = format!("[{}]", tools.join(","));
            members.set("tools", tools);
            Some(members.json())
        }
        _ => None,
    }
}

/// A tool without its output schema, if that is for anything but objects.
fn older_tool(tool: &str) -> Option<String> {
    let mut members = Members::read(tool)?;
    let schema: Value = serde_json::from_str(members.get("outputSchema")?).ok()?;
    if schema["type"] == "object" {
        return None;
    }
    members.remove("outputSchema");
    Some(members.json())
}

/// The parameters of a question of 2026-07-28 as the session era has them. A question to visit a
/// URL has an id there.
pub(super) fn question_for_session(id: &Id, method: &str, params: Option<&str>) -> Option<String> {
    #[derive(Deserialize, Default)]
    struct Params {
        #[serde(default)]
        mode: Option<String>,
    }
    let params = params?;
    let read: Params = serde_json::from_str(params).unwrap_or_default();
    if method != "elicitation/create" || read.mode.as_deref() != Some("url") {
        return Some(params.to_owned());
    }
    let mut members = Members::read(params)?;
    if members.get("elicitationId").is_none() {
        members.set("elicitationId", id.json());
    }
    Some(members.json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_text_where_nothing_has_to_change() {
        for (method, result, expect) in [
            ("tools/call", r#"{"content":[ ],"x":1.0e2}"#, None),
            ("tools/call", r#"{"structuredContent":{"a":1}}"#, None),
            (
                "tools/call",
                r#"{"content":[ ],"structuredContent":[1],"x":1.0e2}"#,
                Some(r#"{"content":[ ],"x":1.0e2}"#),
            ),
            (
                "tools/list",
                r#"{"tools":[{"name":"a","outputSchema":{"type":"object"}}]}"#,
                None,
            ),
            (
                "tools/list",
                r#"{"tools":[{"name":"a", "x":1},{"name":"b","outputSchema":{"type":"array"}}]}"#,
                Some(r#"{"tools":[{"name":"a", "x":1},{"name":"b"}]}"#),
            ),
        ] {
            assert_eq!(result_for_session(method, result).as_deref(), expect);
        }
    }

    #[test]
    fn results_get_what_the_newest_revision_requires() {
        let info = Some(r#"{"name":"s"}"#);
        for (method, result, info, expect) in [
            (
                "tools/call",
                r#"{"content":[ ]}"#,
                None,
                r#"{"content":[ ],"resultType":"complete"}"#,
            ),
            (
                "tools/list",
                r#"{"tools":[],"ttlMs":9}"#,
                None,
                r#"{"tools":[],"ttlMs":9,"resultType":"complete","cacheScope":"private"}"#,
            ),
            (
                "completion/complete",
                r#"{"_meta":{"a": 1}}"#,
                info,
                r#"{"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{"name":"s"}},"resultType":"complete"}"#,
            ),
        ] {
            assert_eq!(result_for_modern(method, result, info), expect);
        }
    }

    #[test]
    fn a_missing_resource_has_another_code_in_each_era() {
        let old = r#"{"code":-32002,"message":"gone"}"#;
        let new = r#"{"code":-32602,"message":"gone","data":{"uri":"a:b"}}"#;
        let newer = error_for_modern("resources/read", Some("a:b"), old);
        assert_eq!(newer.as_deref(), Some(new));
        let older = error_for_session("resources/read", new).unwrap();
        assert_eq!(error_code(&older), -32002);
        assert_eq!(error_for_session("tools/call", new), None);
        assert_eq!(
            error_for_session("resources/read", r#"{"code":-32602}"#),
            None
        );
    }

    #[test]
    fn only_a_server_of_the_newest_revision_can_be_initialized_for() {
        let found = r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#;
        let answer = initialized(found, Some(r#""2025-06-18""#)).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["protocolVersion"], "2025-06-18");
        let answer = initialized(found, Some(r#""2026-07-28""#)).unwrap();
        assert!(answer.contains("2025-11-25"));
        assert_eq!(initialized(r#"{"supportedVersions":["x"]}"#, None), None);
        assert_eq!(initialized("[]", None), None);
    }
}
