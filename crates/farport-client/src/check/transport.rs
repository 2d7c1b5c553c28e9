//! The rules for HTTP, in one revision.

use http::{HeaderName, HeaderValue, Method, header};
use serde_json::json;

use super::peer::Peer;
use super::probe::{Ask, Reply, Way};
use super::report::Verdict;
use super::rules;
use crate::Error;
use crate::connection::exchange::{EVENTS, JSON};
use crate::http::is_loopback;

/// A site that no server permits. The name is reserved (RFC 2606).
const FOREIGN: &str = "foreign.invalid";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl Peer<'_> {
    /// Checks the rules for HTTP that all revisions have in common.
    pub(super) async fn check_transport(&self) {
        self.rule(&rules::RESPONSE_TYPE, async {
            let reply = self.probe.send(self.ask_harmless()).await?;
            let known = ["application/json", "text/event-stream"];
            Ok(Verdict::of(known.contains(&&*reply.media_type), || {
                format!("Content-Type {:?}", reply.media_type)
            }))
        })
        .await;
        self.check_stream().await;
        self.rule(&rules::ORIGIN, async {
            let origin = format!("https://{FOREIGN}");
            let reply = self.with(header::ORIGIN, &origin).await?;
            if !is_loopback(self.probe.url()) && !reply.is_refused() {
                // It may permit every site: foreign pages have no token of its users.
                return Ok(Verdict::Skipped("a public server may permit every origin"));
            }
            Ok(Verdict::of(reply.status.as_u16() == 403, || {
                format!("Origin: {origin}: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::HOST, async {
            if !is_loopback(self.probe.url()) {
                return Ok(Verdict::Skipped("the server is not on this machine"));
            }
            let reply = self.with(header::HOST, FOREIGN).await?;
            Ok(Verdict::of(reply.status.is_client_error(), || {
                format!("Host: {FOREIGN}: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::ACCEPT, async {
            let reply = self.with(header::ACCEPT, "text/html").await?;
            Ok(Verdict::of(reply.status.is_client_error(), || {
                format!("Accept: text/html: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::CONTENT_TYPE, async {
            let reply = self.with(header::CONTENT_TYPE, "text/plain").await?;
            Ok(Verdict::of(reply.status.is_client_error(), || {
                format!("Content-Type: text/plain: {}", reply.shown())
            }))
        })
        .await;
        self.rule(&rules::OTHER_METHODS, async {
            let (method, _) = self.harmless();
            let ask = self.ask_harmless();
            let ask = Ask {
                method: Method::PUT,
                ..ask.with_all(&self.headers(method))
            };
            let reply = self.probe.send(ask).await?;
            let refused = matches!(reply.status.as_u16(), 404 | 405 | 501);
            Ok(Verdict::of(refused, || format!("PUT: {}", reply.shown())))
        })
        .await;
    }

    async fn with(&self, name: HeaderName, value: &str) -> Result<Reply, Error> {
        let value = HeaderValue::from_str(value).unwrap_or(JSON);
        self.probe.send(self.ask_harmless().with(name, value)).await
    }

    /// Checks the event stream of a response, if the server answers with one.
    async fn check_stream(&self) {
        let wanted = [&rules::STREAM, &rules::STREAM_END];
        if !wanted.iter().any(|rule| self.ledger.selection.has(rule)) {
            return;
        }
        let reply = self.probe.send(self.ask_harmless()).await;
        match reply {
            Ok(reply) if reply.media_type == "text/event-stream" => {
                let messages = Verdict::of(reply.strays.is_empty(), || {
                    format!("an event with the data {:?}", reply.strays)
                });
                self.record(&rules::STREAM, messages);
                let end = Verdict::of(reply.ended, || {
                    "the stream was still open 2 s after the response".to_owned()
                });
                self.record(&rules::STREAM_END, end);
            }
            // Another rule reports an error.
            _ => {
                for rule in wanted {
                    let why = "the server answered without an event stream";
                    self.record(rule, Verdict::Skipped(why));
                }
            }
        }
    }

    /// Checks GET in the revisions with sessions.
    pub(super) async fn check_get(&self) {
        self.rule(&rules::GET, async {
            let ask = Ask::new(Method::GET).with_all(&self.headers(""));
            let reply = self.probe.head(ask.with(header::ACCEPT, EVENTS)).await?;
            let stream = reply.status.is_success() && reply.media_type == "text/event-stream";
            Ok(Verdict::of(stream || reply.status.as_u16() == 405, || {
                format!("HTTP {} {}", reply.status.as_u16(), reply.media_type)
            }))
        })
        .await;
        self.rule(&rules::GET_ACCEPT, async {
            let ask = Ask::new(Method::GET).with_all(&self.headers(""));
            let ask = ask.with(header::ACCEPT, JSON);
            let ask = ask.with(LAST_EVENT_ID, HeaderValue::from_static("farport-check"));
            let reply = self.probe.head(ask).await?;
            Ok(Verdict::of(reply.status.is_client_error(), || {
                format!("Accept: application/json: HTTP {}", reply.status.as_u16())
            }))
        })
        .await;
        self.rule(&rules::NOTIFICATION, async {
            let mut wrong = Vec::new();
            for method in ["notifications/cancelled", "notifications/farport-unknown"] {
                let params = json!({ "requestId": "farport-none" });
                let body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
                let ask = Ask::post(body.to_string()).with_all(&self.headers(method));
                let reply = self.probe.send(ask).await?;
                if reply.status.as_u16() != 202 || !reply.text.is_empty() {
                    wrong.push(format!("`{method}`: {}", reply.shown()));
                }
            }
            Ok(Verdict::Several(wrong))
        })
        .await;
    }
}
