//! The revisions with sessions: 2024-11-05 to 2025-11-25.

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::peer::{Peer, SESSION_ID, client_info, message};
use super::probe::{Ask, Reply, Way};
use super::report::{Ledger, Verdict};
use super::rules;
use crate::Error;
use crate::connection::exchange::PROTOCOL_VERSION;

/// A revision that no server supports.
const FUTURE: &str = "2099-01-01";

/// The shortest session id that counts as unguessable, in characters.
const SHORTEST_ID: usize = 16;

/// The request that opens a session.
pub(super) fn initialize(probe: &impl Way, revision: &str) -> Ask {
    let params = json!({
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": client_info(),
    });
    Ask::post(message(&json!(probe.id()), "initialize", &params))
}

fn version_of(reply: &Reply) -> Option<&str> {
    reply.result()?["protocolVersion"].as_str()
}

/// Opens a session in a revision. `None` when the server does not offer it.
pub(super) async fn open<'a, W: Way>(
    probe: &'a W,
    ledger: &'a Ledger<'a>,
    revision: &'static str,
) -> Result<Option<Peer<'a, W>>, Error> {
    let reply = probe.send(initialize(probe, revision)).await?;
    let offered = version_of(&reply) == Some(revision);
    let mut peer = Peer {
        probe,
        ledger,
        revision,
        session: reply.headers.get(SESSION_ID).cloned(),
        server: reply.result().cloned().unwrap_or_default(),
    };
    if !offered {
        peer.end().await;
        return Ok(None);
    }
    peer.check_opening(&reply);
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let ask = Ask::post(body.to_string()).with_all(&peer.headers("notifications/initialized"));
    // The rule for notifications reports what is wrong with the response.
    if let Err(error) = probe.send(ask).await {
        tracing::debug!(%error, "no usable response to a notification");
    }
    if peer.session.as_ref().is_some_and(HeaderValue::is_empty) {
        peer.session = None;
    }
    Ok(Some(peer))
}

/// Whether the server knows `initialize` at all.
pub(super) async fn check_negotiation(probe: &impl Way, ledger: &Ledger<'_>, newest: &str) {
    ledger
        .rule(&rules::NEGOTIATE, Some(newest), async {
            let reply = probe.send(initialize(probe, FUTURE)).await?;
            close(probe, reply.headers.get(SESSION_ID), newest).await;
            let known = |version: &str| super::SESSION_REVISIONS.contains(&version);
            Ok(Verdict::of(version_of(&reply).is_some_and(known), || {
                format!("`initialize` with {FUTURE}: {}", reply.shown())
            }))
        })
        .await;
}

/// Ends a session that a check opened. What the server answers is another rule.
pub(super) async fn close(probe: &impl Way, id: Option<&HeaderValue>, revision: &str) {
    let Some(id) = id else { return };
    let mut ask = Ask::new(Method::DELETE).with(SESSION_ID, id.clone());
    if let Ok(revision) = HeaderValue::from_str(revision) {
        ask = ask.with(PROTOCOL_VERSION, revision);
    }
    if let Err(error) = probe.send(ask).await {
        tracing::debug!(%error, "a session of a check did not end");
    }
}

impl<W: Way> Peer<'_, W> {
    fn check_opening(&self, reply: &Reply) {
        let result = &self.server;
        let info = &result["serverInfo"];
        let complete = result["capabilities"].is_object()
            && info["name"].is_string()
            && info["version"].is_string();
        self.record(&rules::INITIALIZE, Verdict::of(complete, || reply.shown()));
        if !W::HTTP {
            return;
        }
        let Some(id) = &self.session else {
            self.record(&rules::SESSION_ID, Verdict::Skipped(NO_ID));
            return;
        };
        let visible = id
            .as_bytes()
            .iter()
            .all(|byte| (0x21..=0x7e).contains(byte));
        let kept = visible && !id.is_empty();
        self.record(&rules::SESSION_ID, Verdict::of(kept, || format!("{id:?}")));
    }

    /// Checks the rules for messages that the revisions with sessions have in common.
    pub(super) async fn check_session_messages(&self) {
        self.check_messages().await;
        self.rule(&rules::PING, async {
            let reply = self.request("ping", json!({})).await?;
            let empty = reply.result().and_then(Value::as_object);
            let empty = empty.is_some_and(|result| result.keys().all(|key| key == "_meta"));
            Ok(Verdict::of(empty, || reply.shown()))
        })
        .await;
    }

    /// Ends the session.
    pub(super) async fn end(&self) {
        close(self.probe, self.session.as_ref(), self.revision).await;
    }
}

impl Peer<'_> {
    /// Checks everything that the revisions with sessions have in common, and ends the session.
    pub(super) async fn check_session(&self) {
        self.check_session_messages().await;
        self.check_transport().await;
        self.check_get().await;
        self.rule(&rules::VERSION, async {
            if self.revision < "2025-06-18" {
                return Ok(Verdict::Skipped("the revision has no such header"));
            }
            let wrong = HeaderValue::from_static("1999-01-01");
            let ask = self.ask_harmless().with(PROTOCOL_VERSION, wrong);
            let reply = self.probe.send(ask).await?;
            Ok(Verdict::of(reply.status.as_u16() == 400, || {
                format!("MCP-Protocol-Version: 1999-01-01: {}", reply.shown())
            }))
        })
        .await;
        self.check_ids().await;
        self.check_end().await;
    }

    async fn check_ids(&self) {
        let Some(id) = &self.session else {
            for rule in [
                &rules::SESSION_ID_LENGTH,
                &rules::SESSION_REQUIRED,
                &rules::SESSION_UNKNOWN,
            ] {
                self.record(rule, Verdict::Skipped(NO_ID));
            }
            return;
        };
        self.rule(&rules::SESSION_ID_LENGTH, async {
            let reply = self
                .probe
                .send(initialize(self.probe, self.revision))
                .await?;
            let other = reply.headers.get(SESSION_ID);
            close(self.probe, other, self.revision).await;
            let fresh = other.is_some_and(|other| other != id);
            Ok(Verdict::of(fresh && id.len() >= SHORTEST_ID, || {
                if fresh {
                    format!("an id of {} characters", id.len())
                } else {
                    "two sessions got the same id".to_owned()
                }
            }))
        })
        .await;
        self.rule(&rules::SESSION_REQUIRED, async {
            let reply = self.with_session(None).await?;
            Ok(Verdict::of(reply.status.as_u16() == 400, || reply.shown()))
        })
        .await;
        self.rule(&rules::SESSION_UNKNOWN, async {
            let reply = self.with_session(Some(&other_id(id))).await?;
            Ok(Verdict::of(reply.status.as_u16() == 404, || reply.shown()))
        })
        .await;
    }

    /// A harmless request in another session, or in none.
    async fn with_session(&self, id: Option<&HeaderValue>) -> Result<Reply, Error> {
        let mut ask = self.ask_harmless();
        match id {
            Some(id) => ask.headers.insert(SESSION_ID, id.clone()),
            None => ask.headers.remove(SESSION_ID),
        };
        self.probe.send(ask).await
    }

    async fn check_end(&self) {
        let Some(id) = &self.session else {
            self.record(&rules::SESSION_DELETE, Verdict::Skipped(NO_ID));
            return;
        };
        if !self.ledger.selection.has(&rules::SESSION_DELETE) {
            return self.end().await;
        }
        self.rule(&rules::SESSION_DELETE, async {
            let ask = Ask::new(Method::DELETE).with_all(&self.headers(""));
            let reply = self.probe.send(ask).await?;
            match reply.status.as_u16() {
                405 => return Ok(Verdict::Kept),
                200..=299 => {}
                _ => return Ok(Verdict::Broken(format!("DELETE: {}", reply.shown()))),
            }
            let reply = self.with_session(Some(id)).await?;
            Ok(Verdict::of(reply.status.as_u16() == 404, || {
                format!("a request after DELETE: {}", reply.shown())
            }))
        })
        .await;
    }
}

const NO_ID: &str = "the server assigns no session ids";

/// An id of the same form that the server did not assign.
fn other_id(id: &HeaderValue) -> HeaderValue {
    if id.len() < SHORTEST_ID {
        // The next number may be another session.
        return HeaderValue::from_static("farport-none");
    }
    let turned = id.as_bytes().iter().map(|byte| match byte {
        b'0'..=b'8' | b'a'..=b'e' => byte + 1,
        b'9' => b'0',
        b'f' => b'a',
        byte => *byte,
    });
    let turned: Vec<u8> = turned.collect();
    HeaderValue::from_bytes(&turned).unwrap_or(HeaderValue::from_static("farport-none"))
}
