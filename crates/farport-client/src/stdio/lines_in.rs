//! Reads the client's lines, and passes their messages to the dialect.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::IgnoredAny;

use super::way::Way;
use super::{Bridge, INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR};
use crate::connection::modern::subject;
use crate::dialect::Message;
use crate::message::{self, Kind, Peek};
use crate::spool::BOM;

impl Bridge {
    /// Takes one line of the client.
    pub(super) async fn take(self: &Arc<Self>, mut line: Bytes) {
        // Programs on Windows put a byte order mark before what they write.
        if line.starts_with(BOM) {
            line = line.slice(BOM.len()..);
        }
        // No JSON has a zero byte, and all text in UTF-16 does.
        if line.contains(&0) {
            if line
                .iter()
                .any(|byte| *byte != 0 && !byte.is_ascii_whitespace())
            {
                let why = "The message is UTF-16. Write UTF-8";
                self.write(message::error(None, PARSE_ERROR, why)).await;
            }
            return;
        }
        let Ok(text) = ByteString::try_from(line) else {
            let why = "The message is not UTF-8";
            return self.write(message::error(None, PARSE_ERROR, why)).await;
        };
        if text.trim_ascii().is_empty() {
            return;
        }
        let not_json = "The message is not JSON";
        let Some(messages) = message::split(&text) else {
            return self
                .write(message::error(None, PARSE_ERROR, not_json))
                .await;
        };
        for message in messages {
            let Some(peek) = Peek::at(message) else {
                let (id, code, why) = if serde_json::from_str::<IgnoredAny>(message).is_err() {
                    (None, PARSE_ERROR, not_json)
                } else {
                    let id = message::id_of(message);
                    (id, INVALID_REQUEST, "Not a JSON-RPC 2.0 message")
                };
                self.write(message::error(id.as_ref(), code, why)).await;
                continue;
            };
            if let Kind::Request(id) = &peek.kind {
                if let Way::Http(http) = &self.way {
                    http.link.remote.auth().note_caller(&peek);
                }
                if let Some(name) = self.ignored_tool(&peek) {
                    let why = format!("Unknown tool: {name}");
                    self.write(message::error(Some(id), INVALID_PARAMS, &why))
                        .await;
                    continue;
                }
            }
            let message = Message::new(text.slice_ref(message), &peek);
            self.turn(|dialect, now| dialect.on_caller(message, now))
                .await;
        }
    }

    /// The tool that a request calls, if it is hidden from the client.
    fn ignored_tool(&self, request: &Peek<'_>) -> Option<String> {
        let tools = self.way.tools()?;
        if request.method != "tools/call" || !tools.ignores() {
            return None;
        }
        let name = subject(request).unwrap_or_default();
        tools.is_ignored(&name).then_some(name)
    }
}
