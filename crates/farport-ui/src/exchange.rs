//! One HTTP exchange, as the timeline, the sign-in view and an export show it.

use std::time::Duration;

use axum::http::HeaderMap;
use farport_client::{HttpEvent, Purpose, Text, parse_url};
use serde::{Deserialize, Serialize};

use crate::mask::Mask;

/// The most events of one stream that are kept.
const MOST_EVENTS: usize = 200;
/// The most bytes that the kept events of one stream have together.
const MOST_EVENT_BYTES: usize = 256 * 1024;

/// A bounded text, and the length of the whole.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) length: usize,
}

/// An event of a response's stream.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StreamEvent {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) data: Body,
    pub(crate) ms: f64,
}

/// An HTTP exchange. Secrets are masked before it is made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Exchange {
    pub(crate) purpose: &'static str,
    pub(crate) attempt: u32,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) request_body: Body,
    /// The JSON-RPC method and id of the request's body.
    pub(crate) rpc_method: Option<String>,
    pub(crate) rpc_id: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) response_headers: Vec<(String, String)>,
    /// Milliseconds until the head of the response.
    pub(crate) head_ms: Option<f64>,
    pub(crate) events: Vec<StreamEvent>,
    /// Events that are not kept.
    pub(crate) more_events: usize,
    pub(crate) response_body: Option<Body>,
    pub(crate) error: Option<String>,
    /// Milliseconds until the end.
    pub(crate) ms: Option<f64>,
    pub(crate) bytes: u64,
    pub(crate) ended: bool,
    #[serde(skip)]
    event_bytes: usize,
}

impl Exchange {
    /// The exchange that a request begins; `None` for any other event.
    pub(crate) fn start(event: &HttpEvent, mask: &Mask) -> Option<Self> {
        let HttpEvent::Request {
            purpose,
            attempt,
            method,
            url,
            headers,
            body,
            ..
        } = event
        else {
            return None;
        };
        let (rpc_method, rpc_id) = rpc(*purpose, &body.text);
        Some(Self {
            purpose: name(*purpose),
            attempt: *attempt,
            method: method.to_string(),
            url: url.clone(),
            request_headers: list(headers, mask),
            request_body: bounded(body, mask),
            rpc_method,
            rpc_id,
            status: None,
            response_headers: Vec::new(),
            head_ms: None,
            events: Vec::new(),
            more_events: 0,
            response_body: None,
            error: None,
            ms: None,
            bytes: 0,
            ended: false,
            event_bytes: 0,
        })
    }

    /// Takes a later event of the exchange. Returns whether the row in the timeline changes.
    pub(crate) fn take(&mut self, event: &HttpEvent, mask: &Mask) -> bool {
        match event {
            HttpEvent::Response {
                status,
                headers,
                after,
                ..
            } => {
                self.status = Some(status.as_u16());
                self.response_headers = list(headers, mask);
                self.head_ms = Some(milliseconds(*after));
                true
            }
            HttpEvent::Event {
                name,
                id,
                data,
                after,
                ..
            } => {
                self.event_bytes += data.text.len();
                if self.events.len() < MOST_EVENTS && self.event_bytes <= MOST_EVENT_BYTES {
                    self.events.push(StreamEvent {
                        name: name.clone(),
                        id: id.clone(),
                        data: bounded(data, mask),
                        ms: milliseconds(*after),
                    });
                } else {
                    self.more_events += 1;
                }
                false
            }
            HttpEvent::Body { body, .. } => {
                self.response_body = Some(bounded(body, mask));
                false
            }
            HttpEvent::Failed { error, after, .. } => {
                self.error = Some(mask.apply(error).into_owned());
                self.ms = Some(milliseconds(*after));
                true
            }
            HttpEvent::Ended { bytes, after, .. } => {
                self.ended = true;
                self.bytes = *bytes;
                self.ms = self.ms.or(Some(milliseconds(*after)));
                true
            }
            _ => false,
        }
    }

    /// Whether the exchange failed, or the server refused it.
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some() || self.status.is_some_and(|status| status >= 400)
    }

    /// The path of the URL.
    pub(crate) fn path(&self) -> String {
        parse_url(&self.url).map_or_else(|_| self.url.clone(), |url| url.path().to_owned())
    }

    /// Whether the exchange belongs to a sign-in.
    pub(crate) fn signs_in(&self) -> bool {
        match self.purpose {
            "message" | "stream" => matches!(self.status, Some(401 | 403)),
            "close" => false,
            _ => true,
        }
    }

    /// The memory that the exchange holds, about.
    pub(crate) fn size(&self) -> usize {
        let headers = self.request_headers.iter().chain(&self.response_headers);
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        let events: usize = self.events.iter().map(|event| event.data.text.len()).sum();
        let body = self
            .response_body
            .as_ref()
            .map_or(0, |body| body.text.len());
        256 + self.url.len() + self.request_body.text.len() + headers + events + body
    }
}

/// The number of the exchange that an event belongs to.
pub(crate) fn number(event: &HttpEvent) -> Option<u64> {
    match event {
        HttpEvent::Request { exchange, .. }
        | HttpEvent::Response { exchange, .. }
        | HttpEvent::Event { exchange, .. }
        | HttpEvent::Body { exchange, .. }
        | HttpEvent::Failed { exchange, .. }
        | HttpEvent::Ended { exchange, .. } => Some(*exchange),
        _ => None,
    }
}

/// Milliseconds with three decimals.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn rpc(purpose: Purpose, body: &str) -> (Option<String>, Option<String>) {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(default)]
        method: Option<String>,
        #[serde(borrow, default)]
        id: Option<&'a serde_json::value::RawValue>,
    }
    if purpose != Purpose::Message {
        return (None, None);
    }
    match serde_json::from_str::<Envelope<'_>>(body) {
        Ok(envelope) => (envelope.method, envelope.id.map(|id| id.get().to_owned())),
        Err(_) => (None, None),
    }
}

/// The headers, in order.
fn list(headers: &HeaderMap, mask: &Mask) -> Vec<(String, String)> {
    let text = |value: &[u8]| mask.apply(&String::from_utf8_lossy(value)).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect()
}

fn bounded(text: &Text, mask: &Mask) -> Body {
    Body {
        text: mask.apply(&text.text).into_owned(),
        length: text.length,
    }
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Message => "message",
        Purpose::Stream => "stream",
        Purpose::CloseSession => "close",
        Purpose::Challenge => "challenge",
        Purpose::Metadata => "metadata",
        Purpose::Registration => "registration",
        Purpose::Token => "token",
        _ => "other",
    }
}
