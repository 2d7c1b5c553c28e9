//! The server in one revision, over either transport.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::MODERN;
use super::probe::{Ask, Probe, Reply, Way};
use super::report::{Ledger, Verdict};
use super::rules::{self, Rule};
use crate::Error;
use crate::connection::exchange::PROTOCOL_VERSION;

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";

/// A method that no server knows.
pub(super) const NO_METHOD: &str = "farport/no-such-method";

/// The server in one revision, in an open session where there are sessions.
pub(super) struct Peer<'a, W = Probe> {
    pub(super) probe: &'a W,
    pub(super) ledger: &'a Ledger<'a>,
    pub(super) revision: &'static str,
    /// The session id, if the server assigned one.
    pub(super) session: Option<HeaderValue>,
    /// The result of `initialize` or `server/discover`.
    pub(super) server: Value,
}

pub(super) fn client_info() -> Value {
    json!({ "name": "farport", "version": env!("CARGO_PKG_VERSION") })
}

/// The `_meta` of requests of 2026-07-28.
pub(super) fn meta(revision: &str) -> Value {
    json!({ VERSION_KEY: revision, CAPABILITIES_KEY: {}, INFO_KEY: client_info() })
}

/// The headers of requests of 2026-07-28.
pub(super) fn modern_headers(revision: &str, method: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(PROTOCOL_VERSION, revision), (METHOD, method)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A JSON-RPC request.
pub(super) fn message(id: &Value, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

impl<W: Way> Peer<'_, W> {
    pub(super) fn is_modern(&self) -> bool {
        self.revision == MODERN
    }

    /// Whether the server declares a capability.
    pub(super) fn has(&self, capability: &str) -> bool {
        self.server["capabilities"][capability].is_object()
    }

    /// The headers of every request in this revision.
    pub(super) fn headers(&self, method: &str) -> HeaderMap {
        if self.is_modern() {
            return modern_headers(self.revision, method);
        }
        let mut headers = HeaderMap::new();
        if self.revision >= "2025-06-18" {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(self.revision));
        }
        if let Some(session) = &self.session {
            headers.insert(SESSION_ID, session.clone());
        }
        headers
    }

    /// The parameters with what every request in this revision carries.
    pub(super) fn params(&self, mut params: Value) -> Value {
        if self.is_modern() {
            params["_meta"] = meta(self.revision);
        }
        params
    }

    /// A request as a well-behaved client sends it.
    pub(super) fn ask(&self, method: &str, params: Value) -> Ask {
        let id = json!(self.probe.id());
        Ask::post(message(&id, method, &self.params(params))).with_all(&self.headers(method))
    }

    /// Sends a request as a well-behaved client does.
    pub(super) async fn request(&self, method: &str, params: Value) -> Result<Reply, Error> {
        self.probe.send(self.ask(method, params)).await
    }

    /// A request that every server answers with a result, and that changes nothing.
    pub(super) fn harmless(&self) -> (&'static str, Value) {
        if self.is_modern() {
            ("server/discover", json!({}))
        } else {
            ("ping", json!({}))
        }
    }

    pub(super) fn ask_harmless(&self) -> Ask {
        let (method, params) = self.harmless();
        self.ask(method, params)
    }

    pub(super) async fn rule(
        &self,
        rule: &'static Rule,
        work: impl Future<Output = Result<Verdict, Error>>,
    ) {
        if self.probe.has_ended() {
            return self.record(rule, Verdict::Skipped("the server has ended"));
        }
        self.ledger.rule(rule, Some(self.revision), work).await;
    }

    pub(super) fn record(&self, rule: &'static Rule, verdict: Verdict) {
        self.ledger.record(rule, Some(self.revision), verdict);
    }

    /// Checks the rules for messages.
    pub(super) async fn check_messages(&self) {
        self.rule(&rules::ENVELOPE, self.envelope()).await;
        self.rule(&rules::UNKNOWN_METHOD, async {
            let reply = self.request(NO_METHOD, json!({})).await?;
            let status = !self.is_modern() || reply.has_status(404);
            Ok(Verdict::of(reply.code() == Some(-32601) && status, || {
                format!("`{NO_METHOD}`: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::INVALID_PARAMS, async {
            let list = LISTS.iter().find(|(capability, ..)| self.has(capability));
            let Some((_, method, _)) = list else {
                return Ok(Verdict::Skipped("the server has no list"));
            };
            let reply = self.request(method, json!({ "cursor": {} })).await?;
            Ok(Verdict::of(reply.code() == Some(-32602), || {
                format!("`{method}` with an object as its cursor: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::LISTS, self.lists()).await;
        self.rule(&rules::PARSE_ERROR, async {
            let (method, _) = self.harmless();
            let ask = Ask::post("{\"jsonrpc\": \"2.0\", ").with_all(&self.headers(method));
            let reply = self.probe.send(ask).await?;
            let code = reply.code().is_none_or(|code| code == -32700);
            if !W::HTTP {
                // It may say nothing: there is no id to answer to.
                self.probe.send(self.ask_harmless()).await?;
                return Ok(Verdict::of(code, || reply.shown()));
            }
            let status = reply.status.is_client_error();
            Ok(Verdict::of(status && code, || reply.shown()))
        })
        .await;
        let rule = match self.revision {
            "2025-03-26" => &rules::BATCH,
            _ => &rules::NO_BATCH,
        };
        self.rule(rule, self.batch()).await;
    }

    async fn envelope(&self) -> Result<Verdict, Error> {
        let (method, params) = self.harmless();
        let params = self.params(params);
        let mut wrong = Vec::new();
        for id in [json!("farport-check"), json!(9_007_199_254_740_991_u64)] {
            let ask = Ask::post(message(&id, method, &params)).with_all(&self.headers(method));
            let reply = self.probe.send(ask).await?;
            let Some(response) = reply.response() else {
                wrong.push(format!(
                    "no response to the request {id}: {}",
                    reply.shown()
                ));
                continue;
            };
            let both = response.get("result").is_some() && response.get("error").is_some();
            if response["jsonrpc"] != "2.0" || response["id"] != id || both {
                wrong.push(format!("the response to the request {id} is {response}"));
            }
        }
        Ok(Verdict::Several(wrong))
    }

    async fn lists(&self) -> Result<Verdict, Error> {
        let mut wrong = Vec::new();
        for (capability, method, member) in LISTS {
            if !self.has(capability) {
                continue;
            }
            let reply = self.request(method, json!({})).await?;
            if !reply
                .result()
                .is_some_and(|result| result[member].is_array())
            {
                wrong.push(format!("`{method}`: {}", reply.shown()));
            }
        }
        Ok(Verdict::Several(wrong))
    }

    async fn batch(&self) -> Result<Verdict, Error> {
        let (method, params) = self.harmless();
        let params = self.params(params);
        let ids = [json!(self.probe.id()), json!(self.probe.id())];
        let requests = ids.each_ref().map(|id| message(id, method, &params));
        let body = format!("[{}]", requests.join(","));
        let ask = Ask::post(body).with_all(&self.headers(method));
        let reply = self.probe.send(ask).await?;
        if self.revision != "2025-03-26" {
            // A process may say nothing.
            let refused = reply.is_refused() || !W::HTTP && reply.response().is_none();
            return Ok(Verdict::of(refused, || reply.shown()));
        }
        let answered = |id: &Value| reply.messages.iter().any(|message| message["id"] == *id);
        // A stream is read up to its first response.
        let all = match reply.media_type.as_str() {
            "text/event-stream" => ids.iter().any(answered),
            _ => ids.iter().all(answered),
        };
        Ok(Verdict::of(all, || {
            format!("two requests in a batch: {}", reply.shown())
        }))
    }
}

/// Capabilities, the method that lists what they offer, and the member with the list.
pub(super) const LISTS: [(&str, &str, &str); 3] = [
    ("tools", "tools/list", "tools"),
    ("resources", "resources/list", "resources"),
    ("prompts", "prompts/list", "prompts"),
];
