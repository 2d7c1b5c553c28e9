//! The transport HTTP+SSE of 2024-11-05: messages are posted to one URL, and their responses come on the
//! stream of another one.

use farport_oauth::join_url;
use http::{Method, header};
use serde_json::{Value, json};
use url::Url;

use super::peer::{LISTS, NO_METHOD, Peer, client_info, message};
use super::probe::{Ask, Events, Probe, Way};
use super::report::{Ledger, Verdict};
use super::rules::{self, Rule};
use super::tools;
use crate::Error;
use crate::connection::exchange::EVENTS;
use crate::http::{same_origin, shown};

const REVISION: &str = "2024-11-05";

/// The most messages that come before a response.
const MOST_BEFORE: usize = 1000;

/// An open stream, with the URL for messages.
struct Legacy<'a> {
    probe: &'a Probe,
    ledger: &'a Ledger<'a>,
    events: Events,
    endpoint: Url,
}

/// Checks the server at the URL of a stream. `false` when there is no such stream.
pub(super) async fn check(probe: &Probe, ledger: &Ledger<'_>) -> Result<bool, Error> {
    let ask = Ask::new(Method::GET).with(header::ACCEPT, EVENTS);
    let Some(mut events) = probe.events(ask).await? else {
        return Ok(false);
    };
    let first = events.next(probe).await?;
    let named = first.as_ref().filter(|(name, _)| name == "endpoint");
    let endpoint = named.and_then(|(_, data)| join_url(probe.url(), data.trim()).ok());
    let endpoint = endpoint.filter(|endpoint| same_origin(endpoint, probe.url()));
    let verdict = Verdict::of(endpoint.is_some(), || match &first {
        Some((name, data)) => format!("the event {name:?} with the data {data:?}"),
        None => "the stream ended without an event".to_owned(),
    });
    ledger.record(&rules::ENDPOINT, Some(REVISION), verdict);
    let Some(endpoint) = endpoint else {
        return Ok(true);
    };
    let mut legacy = Legacy {
        probe,
        ledger,
        events,
        endpoint,
    };
    legacy.check_all().await?;
    Ok(true)
}

impl Legacy<'_> {
    async fn check_all(&mut self) -> Result<(), Error> {
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": client_info(),
        });
        let opened = self.request("initialize", params).await?;
        let result = opened["result"].clone();
        let complete = result["protocolVersion"].is_string()
            && result["capabilities"].is_object()
            && result["serverInfo"]["name"].is_string()
            && result["serverInfo"]["version"].is_string();
        self.record(&rules::INITIALIZE, complete, &opened);
        self.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string())
            .await?;
        let pong = self.request("ping", json!({})).await?;
        self.record(&rules::PING, pong["result"].is_object(), &pong);
        let unknown = self.request(NO_METHOD, json!({})).await?;
        let kept = unknown["error"]["code"] == -32601;
        self.record(&rules::UNKNOWN_METHOD, kept, &unknown);
        let mut listed = Vec::new();
        for (capability, method, member) in LISTS {
            if !result["capabilities"][capability].is_object() {
                continue;
            }
            let list = self.request(method, json!({})).await?;
            self.record(&rules::LISTS, list["result"][member].is_array(), &list);
            if member == "tools" {
                listed = list["result"]["tools"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
            }
        }
        let peer = Peer {
            probe: self.probe,
            ledger: self.ledger,
            revision: REVISION,
            session: None,
            server: result,
        };
        tools::check_definitions(&peer, &listed, true);
        Ok(())
    }

    fn record(&self, rule: &'static Rule, kept: bool, response: &Value) {
        let verdict = Verdict::of(kept, || response.to_string());
        self.ledger.record(rule, Some(REVISION), verdict);
    }

    async fn post(&self, body: String) -> Result<bool, Error> {
        let mut ask = Ask::post(body);
        ask.url = Some(self.endpoint.clone());
        let reply = self.probe.send(ask).await?;
        Ok(reply.status.is_success())
    }

    /// Sends a request, and waits for its response on the stream.
    async fn request(&mut self, method: &str, params: Value) -> Result<Value, Error> {
        let id = json!(self.probe.id());
        if !self.post(message(&id, method, &params)).await? {
            return Ok(json!({ "error": { "message": "the POST was refused" } }));
        }
        for _ in 0..MOST_BEFORE {
            let Some((_, data)) = self.events.next(self.probe).await? else {
                break;
            };
            let message: Value = serde_json::from_str(&data).unwrap_or_default();
            if message["id"] == id && message.get("method").is_none() {
                return Ok(message);
            }
        }
        Err(Error::NoResponse {
            url: shown(self.probe.url()),
            why: format!("no response to `{method}` on the stream"),
        })
    }
}
