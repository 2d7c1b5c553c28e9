//! What a caller of the session era has said about itself.

use std::borrow::Cow;

use bytestring::ByteString;

use super::InputRequest;
use crate::dialect::REVISION;
use crate::dialect::message::Message;
use crate::dialect::meta::{CAPABILITIES, CLIENT_INFO, Declared, LOG_LEVEL, VERSION, members};
use crate::members::Members;

/// The caller, as its `initialize` describes it.
#[derive(Debug)]
pub(in crate::dialect) struct Caller {
    capabilities: ByteString,
    info: Option<ByteString>,
    declared: Declared,
    /// The log level, as JSON.
    pub(super) level: Option<ByteString>,
}

impl Caller {
    pub(in crate::dialect) fn of_initialize(initialize: &Message) -> Self {
        let params = members(initialize.params());
        let capabilities = params.get("capabilities");
        let capabilities = capabilities.filter(|json| json.starts_with('{'));
        let capabilities = ByteString::from(capabilities.unwrap_or("{}"));
        Self {
            declared: Declared::read(&capabilities),
            info: params.get("clientInfo").map(ByteString::from),
            level: None,
            capabilities,
        }
    }

    /// Parameters with the `_meta` that 2026-07-28 wants in each request.
    pub(in crate::dialect) fn params<'a>(&self, mut params: Members<'a>) -> String {
        let given = params.get("_meta").map(str::to_owned);
        let mut meta = given.as_deref().and_then(Members::read).unwrap_or_default();
        meta.set(VERSION, format!("\"{REVISION}\""));
        meta.set(CAPABILITIES, &*self.capabilities);
        if let Some(info) = &self.info {
            meta.set(CLIENT_INFO, &**info);
        }
        if let Some(level) = &self.level {
            meta.set(LOG_LEVEL, &**level);
        }
        let meta: Cow<'a, str> = Cow::Owned(meta.json());
        params.set("_meta", meta);
        params.json()
    }

    /// Reads a question of the server: its key, method and parameters. Otherwise the reason that
    /// it cannot be put to the caller.
    pub(super) fn question<'a>(
        &self,
        key: &'a str,
        json: &'a str,
    ) -> Result<(&'a str, String, Option<&'a str>), String> {
        let question: InputRequest<'_> = serde_json::from_str(json)
            .map_err(|_| format!("the server asked a malformed question: {key}"))?;
        let params = question.params.map(|params| params.get());
        self.declared
            .permits(&question.method, params)
            .map_err(|(_, why)| format!("the server asked for {}: {why}", question.method))?;
        Ok((key, question.method, params))
    }
}
