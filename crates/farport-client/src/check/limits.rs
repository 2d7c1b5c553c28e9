//! Requests that are too large. A server that breaks is seen by the next request.

use serde_json::json;

use super::peer::{Peer, message};
use super::probe::{Ask, Way};
use super::report::Verdict;
use super::rules;
use crate::Error;

/// The size of a body that no server should take, in bytes.
const LARGE: usize = 16 * 1024 * 1024;
/// A depth that recursive parsers do not survive.
const DEEP: usize = 100_000;

const PLACE: &str = "farport-padding";

/// Checks the limits.
pub(super) async fn check(peer: &Peer<'_>) {
    peer.rule(&rules::LARGE_BODY, async {
        let reply = padded(peer, &format!("\"{}\"", "x".repeat(LARGE))).await;
        let alive = peer.probe.send(peer.ask_harmless()).await?;
        Ok(match reply {
            _ if alive.is_refused() => Verdict::Broken(format!("afterwards: {}", alive.shown())),
            // The server may close the connection before it has read the body.
            Err(Error::Broken { .. }) => Verdict::Kept,
            Err(error) => Verdict::Broken(error.to_string()),
            Ok(reply) => Verdict::of(reply.is_refused(), || "the server accepted it".to_owned()),
        })
    })
    .await;
    peer.rule(&rules::DEEP_JSON, async {
        let deep = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
        let reply = padded(peer, &deep).await;
        let alive = peer.probe.send(peer.ask_harmless()).await?;
        Ok(match reply {
            _ if alive.is_refused() => Verdict::Broken(format!("afterwards: {}", alive.shown())),
            Err(error) => Verdict::Broken(error.to_string()),
            Ok(reply) => Verdict::of(!reply.status.is_server_error(), || reply.shown()),
        })
    })
    .await;
}

/// A harmless request with a parameter that no server reads.
async fn padded(peer: &Peer<'_>, json: &str) -> Result<super::probe::Reply, Error> {
    let (method, _) = peer.harmless();
    let params = peer.params(json!({ "padding": PLACE }));
    let body = message(&json!(peer.probe.id()), method, &params);
    let body = body.replacen(&format!("\"{PLACE}\""), json, 1);
    let ask = Ask::post(body).with_all(&peer.headers(method));
    peer.probe.send(ask).await
}
