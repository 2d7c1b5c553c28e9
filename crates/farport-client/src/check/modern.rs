//! The revision without sessions: 2026-07-28.

use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};

use super::MODERN;
use super::peer::{
    CAPABILITIES_KEY, LISTS, METHOD, NAME, Peer, SESSION_ID, message, meta, modern_headers,
};
use super::probe::{Ask, Reply, Way};
use super::report::{Ledger, Verdict};
use super::rules;
use crate::Error;
use crate::connection::exchange::{EVENTS, PROTOCOL_VERSION};

/// A revision that no server supports.
const FUTURE: &str = "2099-01-01";

const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

/// The server in 2026-07-28; `None` when it does not offer it.
pub(super) async fn open<'a, W: Way>(
    probe: &'a W,
    ledger: &'a Ledger<'a>,
) -> Result<Option<Peer<'a, W>>, Error> {
    let reply = probe.send(discover(probe, MODERN)).await?;
    let Some(result) = reply.result() else {
        return Ok(None);
    };
    let versions = result["supportedVersions"].as_array();
    if versions.is_some_and(|all| !all.iter().any(|version| version == MODERN)) {
        return Ok(None);
    }
    let peer = Peer {
        probe,
        ledger,
        revision: MODERN,
        session: None,
        server: result.clone(),
    };
    let complete = versions.is_some()
        && result["capabilities"].is_object()
        && result["resultType"] == "complete"
        && is_cacheable(result);
    peer.record(&rules::DISCOVER, Verdict::of(complete, || reply.shown()));
    if W::HTTP {
        let assigned = reply.headers.get(SESSION_ID);
        let verdict = Verdict::of(assigned.is_none(), || {
            "the response to `server/discover` has an Mcp-Session-Id".to_owned()
        });
        peer.record(&rules::NO_SESSION, verdict);
    }
    Ok(Some(peer))
}

fn discover(probe: &impl Way, revision: &str) -> Ask {
    let params = json!({ "_meta": meta(revision) });
    Ask::post(message(&json!(probe.id()), "server/discover", &params))
        .with_all(&modern_headers(revision, "server/discover"))
}

fn is_cacheable(result: &Value) -> bool {
    let scope = result["cacheScope"].as_str();
    result["ttlMs"].is_u64() && matches!(scope, Some("public" | "private"))
}

/// Checks the rules of 2026-07-28 for messages.
pub(super) async fn check_messages(peer: &Peer<'_, impl Way>) {
    peer.check_messages().await;
    peer.rule(&rules::UNSUPPORTED, async {
        let reply = peer.probe.send(discover(peer.probe, FUTURE)).await?;
        let error = reply.response().map(|response| &response["error"]);
        let data = error.map(|error| &error["data"]);
        let listed = data.is_some_and(|data| data["supported"].is_array());
        let kept = reply.has_status(400) && reply.code() == Some(UNSUPPORTED_VERSION);
        Ok(Verdict::of(kept && listed, || {
            format!("{FUTURE} in header and `_meta`: {}", reply.shown())
        }))
    })
    .await;
    peer.rule(&rules::META, async {
        let mut params = peer.params(json!({}));
        if let Some(meta) = params["_meta"].as_object_mut() {
            meta.remove(CAPABILITIES_KEY);
        }
        let method = "server/discover";
        let ask = Ask::post(message(&json!(peer.probe.id()), method, &params));
        let reply = peer.probe.send(ask.with_all(&peer.headers(method))).await?;
        let kept = reply.has_status(400) && reply.code() == Some(-32602);
        Ok(Verdict::of(kept, || reply.shown()))
    })
    .await;
    check_results(peer).await;
}

/// Checks the rules of 2026-07-28 for HTTP. `alone`: the server offers no other revision.
pub(super) async fn check_http(peer: &Peer<'_>, alone: bool) {
    peer.check_transport().await;
    check_headers(peer, alone).await;
    if alone {
        peer.rule(&rules::MODERN_METHODS, async {
            let mut wrong = Vec::new();
            for method in [Method::GET, Method::DELETE] {
                let ask = Ask::new(method.clone()).with(header::ACCEPT, EVENTS);
                let reply = peer.probe.head(ask).await?;
                if reply.status.as_u16() != 405 {
                    wrong.push(format!("{method}: HTTP {}", reply.status.as_u16()));
                }
            }
            Ok(Verdict::Several(wrong))
        })
        .await;
    }
}

async fn check_results(peer: &Peer<'_, impl Way>) {
    let selection = peer.ledger.selection;
    if !selection.has(&rules::RESULT_TYPE) && !selection.has(&rules::CACHING) {
        return;
    }
    let (mut untyped, mut uncached) = (Vec::new(), Vec::new());
    for (capability, method, _) in LISTS {
        if !peer.has(capability) {
            continue;
        }
        // The rule for lists reports one that fails.
        let Ok(reply) = peer.request(method, json!({})).await else {
            continue;
        };
        let Some(result) = reply.result() else {
            continue;
        };
        if !result["resultType"].is_string() {
            untyped.push(format!("`{method}`: {result}"));
        }
        if !is_cacheable(result) {
            let (ttl, scope) = (&result["ttlMs"], &result["cacheScope"]);
            uncached.push(format!("`{method}`: ttlMs is {ttl}, cacheScope is {scope}"));
        }
    }
    peer.record(&rules::RESULT_TYPE, Verdict::Several(untyped));
    peer.record(&rules::CACHING, Verdict::Several(uncached));
}

async fn check_headers(peer: &Peer<'_>, alone: bool) {
    peer.rule(&rules::HEADER_VERSION, async {
        let reply = with_header(peer, PROTOCOL_VERSION, Some("2025-11-25")).await?;
        // A server that tells the eras apart by this header sees a request of the other one.
        let of_other_era = !alone && reply.status.as_u16() == 400 && reply.code().is_some();
        Ok(if of_other_era {
            Verdict::Kept
        } else {
            mismatch(&[("MCP-Protocol-Version: 2025-11-25", reply)])
        })
    })
    .await;
    peer.rule(&rules::HEADER_METHOD, async {
        let missing = with_header(peer, METHOD, None).await?;
        let other = with_header(peer, METHOD, Some("prompts/list")).await?;
        Ok(mismatch(&[
            ("without Mcp-Method", missing),
            ("`server/discover` with Mcp-Method: prompts/list", other),
        ]))
    })
    .await;
    peer.rule(&rules::HEADER_NAME, async {
        // Never a tool: a server that breaks the rule would call it.
        let (method, member) = match (peer.has("prompts"), peer.has("resources")) {
            (true, _) => ("prompts/get", "name"),
            (_, true) => ("resources/read", "uri"),
            _ => {
                return Ok(Verdict::Skipped(
                    "the server has no prompts and no resources",
                ));
            }
        };
        let ask = peer.ask(method, json!({ member: "farport:none" }));
        let other = ask.with(NAME, HeaderValue::from_static("farport:other"));
        let reply = peer.probe.send(other).await?;
        Ok(mismatch(&[("a name that differs from Mcp-Name", reply)]))
    })
    .await;
}

async fn with_header(
    peer: &Peer<'_>,
    name: HeaderName,
    value: Option<&str>,
) -> Result<Reply, Error> {
    let mut ask = peer.ask("server/discover", json!({}));
    match value.and_then(|value| HeaderValue::from_str(value).ok()) {
        Some(value) => ask.headers.insert(name, value),
        None => ask.headers.remove(name),
    };
    peer.probe.send(ask).await
}

fn mismatch(replies: &[(&str, Reply)]) -> Verdict {
    let wrong = replies
        .iter()
        .filter(|(_, reply)| reply.status.as_u16() != 400 || reply.code() != Some(HEADER_MISMATCH));
    Verdict::Several(
        wrong
            .map(|(what, reply)| format!("{what}: {}", reply.shown()))
            .collect(),
    )
}
