//! What a request of 2026-07-28 says about itself in `_meta`, and what each side supports.

use bytestring::ByteString;
use farport_core::LogLevel;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::members::Members;
use crate::message::Id;

/// The prefix of the protocol's own members of `_meta`.
pub(super) const PREFIX: &str = "io.modelcontextprotocol/";
pub(super) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
pub(super) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The `_meta` of a request or a notification.
#[derive(Default)]
pub(super) struct Meta<'a>(Members<'a>);

impl<'a> Meta<'a> {
    /// Reads `_meta`; an empty one where there is none.
    pub(super) fn of(json: Option<&'a str>) -> Self {
        Self(json.and_then(Members::read).unwrap_or_default())
    }

    /// The revision of the request; `None` for a request of the session era.
    pub(super) fn version(&self) -> Option<String> {
        self.read(VERSION)
    }

    /// The capabilities of the client, as JSON; `None` unless they are an object.
    pub(super) fn capabilities(&self) -> Option<&str> {
        self.0
            .get(CAPABILITIES)
            .filter(|json| json.starts_with('{'))
    }

    pub(super) fn client_info(&self) -> Option<&str> {
        self.0.get(CLIENT_INFO)
    }

    pub(super) fn log_level(&self) -> Option<LogLevel> {
        self.read(LOG_LEVEL)
    }

    pub(super) fn progress_token(&self) -> Option<Id> {
        Id::read(self.0.get("progressToken")?)
    }

    pub(super) fn subscription(&self) -> Option<Id> {
        Id::read(self.0.get(SUBSCRIPTION)?)
    }

    /// The members that are not the protocol's own; `None` where there are none.
    pub(super) fn without_protocol(&self) -> Option<String> {
        let mut kept = Members::default();
        for (name, value) in self.0.iter().filter(|(name, _)| !name.starts_with(PREFIX)) {
            kept.set(name, value);
        }
        (!kept.is_empty()).then(|| kept.json())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?).ok()
    }
}

/// The members of an object; none where there is no object.
pub(super) fn members(json: Option<&ByteString>) -> Members<'_> {
    json.and_then(|json| Members::read(json))
        .unwrap_or_default()
}

/// The `_meta` member of parameters, as JSON.
pub(super) fn meta_of<'a>(params: &'a Members<'_>) -> Meta<'a> {
    Meta::of(params.get("_meta"))
}

/// What a client can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) form: bool,
    pub(super) url: bool,
    pub(super) sampling: bool,
    pub(super) sampling_tools: bool,
    pub(super) roots: bool,
}

impl Declared {
    /// Reads a client's capabilities.
    pub(super) fn read(capabilities: &str) -> Self {
        let all: Value = serde_json::from_str(capabilities).unwrap_or_default();
        let elicitation = &all["elicitation"];
        let url = elicitation["url"].is_object();
        Self {
            // An empty object means forms.
            form: elicitation["form"].is_object() || (elicitation.is_object() && !url),
            url,
            sampling: all["sampling"].is_object(),
            sampling_tools: all["sampling"]["tools"].is_object(),
            roots: all["roots"].is_object(),
        }
    }

    /// Checks that a question may be put to the client. Otherwise, the code and the message of the
    /// error for the server.
    pub(super) fn permits(self, method: &str, params: Option<&str>) -> Result<(), (i64, String)> {
        #[derive(Deserialize, Default)]
        struct Params {
            #[serde(default)]
            mode: Option<String>,
            #[serde(default)]
            tools: Option<serde::de::IgnoredAny>,
        }
        let undeclared = |what: &str| Err((-32601, format!("the client did not declare {what}")));
        let invalid = |what: &str| Err((-32602, format!("the client did not declare {what}")));
        let params: Params = params
            .and_then(|params| serde_json::from_str(params).ok())
            .unwrap_or_default();
        match method {
            "elicitation/create" if !self.form && !self.url => undeclared("elicitation"),
            "elicitation/create" => match params.mode.as_deref() {
                Some("url") if !self.url => invalid("elicitation.url"),
                None | Some("form") if !self.form => invalid("elicitation.form"),
                _ => Ok(()),
            },
            "sampling/createMessage" if !self.sampling => undeclared("sampling"),
            "sampling/createMessage" if params.tools.is_some() && !self.sampling_tools => {
                invalid("sampling.tools")
            }
            "roots/list" if !self.roots => undeclared("roots"),
            "sampling/createMessage" | "roots/list" => Ok(()),
            _ => Err((-32601, "method not found".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_its_capability() {
        let url = Some(r#"{"mode":"url"}"#);
        let tools = Some(r#"{"tools":[]}"#);
        for (capabilities, method, params, code) in [
            ("{}", "elicitation/create", None, -32601),
            (r#"{"elicitation":{}}"#, "elicitation/create", None, 0),
            (r#"{"elicitation":{}}"#, "elicitation/create", url, -32602),
            (
                r#"{"elicitation":{"url":{}}}"#,
                "elicitation/create",
                url,
                0,
            ),
            (
                r#"{"elicitation":{"url":{}}}"#,
                "elicitation/create",
                None,
                -32602,
            ),
            (
                r#"{"elicitation":{"url":{},"form":{}}}"#,
                "elicitation/create",
                None,
                0,
            ),
            ("{}", "sampling/createMessage", None, -32601),
            (r#"{"sampling":{}}"#, "sampling/createMessage", None, 0),
            (
                r#"{"sampling":{}}"#,
                "sampling/createMessage",
                tools,
                -32602,
            ),
            (
                r#"{"sampling":{"tools":{}}}"#,
                "sampling/createMessage",
                tools,
                0,
            ),
            ("{}", "roots/list", None, -32601),
            (r#"{"roots":{"listChanged":true}}"#, "roots/list", None, 0),
            (r#"{"roots":true}"#, "roots/list", None, -32601),
            (r#"{"tasks":{}}"#, "tasks/get", None, -32601),
        ] {
            let refused = Declared::read(capabilities).permits(method, params);
            let seen = refused.map_or_else(|(code, _)| code, |()| 0);
            assert_eq!(seen, code, "{capabilities} {method} {params:?}");
        }
    }

    #[test]
    fn only_the_members_of_the_protocol_are_left_out() {
        let meta = Meta::of(Some(
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken": 7,"x":[ 1 ]}"#,
        ));
        assert_eq!(
            meta.without_protocol().unwrap(),
            r#"{"progressToken":7,"x":[ 1 ]}"#
        );
        assert_eq!(meta.version().unwrap(), "2026-07-28");
        assert_eq!(meta.progress_token(), Id::read("7"));
        assert_eq!(meta.log_level(), None);
    }
}
