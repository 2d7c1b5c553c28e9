//! What a server of the session era says, in the words of the newest revision.

use serde_json::value::RawValue;

use super::PREFIX;
use crate::bridge::{Bridge, lock};
use crate::members::Members;
use crate::message::{self, Id, Peek};

impl Bridge {
    /// Answers with what the server of the older era has answered.
    pub(super) async fn answer_with(&self, id: &Id, method: &str, answer: &str) {
        let Some(peek) = Peek::at(answer) else { return };
        let text = match (peek.result, peek.error) {
            (Some(result), _) => message::result(id, &self.in_newer_words(method, result)),
            (None, Some(error)) => {
                let mut error = Members::of(Some(error));
                // Resource not found has this code now.
                if error.get("code") == Some("-32002") {
                    error.set("code", "-32602");
                }
                format!(
                    r#"{{"jsonrpc":"2.0","id":{},"error":{}}}"#,
                    id.json(),
                    error.json()
                )
            }
            (None, None) => return,
        };
        if self.answer_is_due(id) {
            self.write(&text).await;
        }
    }

    fn in_newer_words(&self, method: &str, result: &RawValue) -> String {
        let visible = (method == "tools/list")
            .then(|| self.tools.visible(result.get(), false))
            .flatten();
        let Some(mut members) = Members::read(visible.as_deref().unwrap_or(result.get())) else {
            return result.get().to_owned();
        };
        if members.get("resultType").is_none() {
            members.set("resultType", r#""complete""#);
        }
        if method.ends_with("/list") || method == "resources/read" {
            for (name, value) in [("ttlMs", "0"), ("cacheScope", r#""private""#)] {
                if members.get(name).is_none() {
                    members.set(name, value);
                }
            }
        }
        members.json()
    }

    /// What `server/discover` is answered with.
    pub(super) fn discovered(&self) -> String {
        let state = lock(&self.down.state);
        let told = Members::read(&state.initialized).unwrap_or_default();
        let mut result = Members::default();
        result.set("resultType", r#""complete""#);
        result.set("supportedVersions", r#"["2026-07-28"]"#);
        result.set("capabilities", told.get("capabilities").unwrap_or("{}"));
        if let Some(instructions) = told.get("instructions") {
            result.set("instructions", instructions);
        }
        if let Some(info) = told.get("serverInfo") {
            result.set("_meta", format!(r#"{{"{PREFIX}serverInfo":{info}}}"#));
        }
        result.set("ttlMs", "0");
        result.set("cacheScope", r#""private""#);
        result.json()
    }
}
