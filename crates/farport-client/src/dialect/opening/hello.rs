//! The introduction of a caller of 2026-07-28, and the requests that find out the server's era for it.

use bytestring::ByteString;

use super::Step;
use crate::dialect::message::{Id, Message};
use crate::dialect::meta::{members, meta_of};
use crate::dialect::turn::Turn;
use crate::members::Members;

/// What a caller of 2026-07-28 says about itself.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    capabilities: ByteString,
    info: Option<ByteString>,
    meta: ByteString,
    /// The caller's own `server/discover`, if that is the probe. It waits too.
    pub(super) own: Option<Id>,
}

impl Hello {
    /// Reads the caller's first request. `None` if it does not declare its capabilities.
    pub(super) fn read(request: &Message) -> Option<Self> {
        let id = request.request_id()?;
        let params = members(request.params());
        let meta = meta_of(&params);
        Some(Self {
            capabilities: meta.capabilities()?.into(),
            info: meta.client_info().map(ByteString::from),
            meta: params.get("_meta").unwrap_or("{}").into(),
            own: (request.method() == "server/discover").then(|| id.clone()),
        })
    }

    /// Sends the caller's own `server/discover`, or one with the `_meta` of its request.
    pub(super) fn probe(self, request: &Message, turn: &mut Turn<'_>) -> Step {
        let probe = match &self.own {
            Some(own) => {
                turn.send_to_server(request.clone());
                own.clone()
            }
            None => {
                let meta = without_token(&self.meta);
                turn.request("server/discover", &format!(r#"{{"_meta":{meta}}}"#))
            }
        };
        Step::Probe {
            probe,
            until: turn.now + turn.options.probe_timeout,
            hello: self,
        }
    }

    /// Sends `initialize` to a server of the session era.
    pub(super) fn initialize(self, probe: Option<Id>, turn: &mut Turn<'_>) -> Step {
        let params = format!(
            r#"{{"protocolVersion":"{}","capabilities":{},"clientInfo":{}}}"#,
            farport_core::ProtocolVersion::NEWEST_SESSION,
            self.capabilities,
            self.info
                .as_deref()
                .unwrap_or(r#"{"name":"farport","version":"0"}"#),
        );
        Step::Initializing {
            request: turn.request("initialize", &params),
            hello: self,
            probe,
        }
    }
}

/// A `_meta` for a request that wants no progress.
fn without_token(meta: &str) -> String {
    let mut meta = Members::read(meta).unwrap_or_default();
    meta.remove("progressToken");
    meta.json()
}
