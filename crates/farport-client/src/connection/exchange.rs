//! One exchange with the server over HTTP: a message posted, a stream opened, events read.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::sync::Notify;

use super::link::Link;
use crate::Error;
use crate::http::{Incoming, shown};
use crate::message::{Id, Kind, Peek};
use crate::observe::Direction;
use crate::sse::{Event, Parser};

pub(crate) const BOTH: HeaderValue =
    HeaderValue::from_static("application/json, text/event-stream");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl Link {
    /// Posts a message.
    pub(crate) async fn post(&self, headers: HeaderMap, text: &str) -> Result<Incoming, Error> {
        self.post_with_progress(headers, text, None).await
    }

    /// Posts a message. Each signal of `progress` restarts the time limits of its response.
    pub(super) async fn post_with_progress(
        &self,
        mut headers: HeaderMap,
        text: &str,
        progress: Option<&Arc<Notify>>,
    ) -> Result<Incoming, Error> {
        headers.insert(header::ACCEPT, BOTH);
        headers.insert(header::CONTENT_TYPE, JSON);
        let text = text.trim_ascii();
        self.hub.observe(Direction::Sent, text);
        let body = Bytes::copy_from_slice(text.as_bytes());
        self.remote
            .send(Method::POST, self.remote.url(), headers, body, progress)
            .await
    }

    /// Opens a stream of the session, from an event on.
    pub(super) async fn get_stream(
        &self,
        mut headers: HeaderMap,
        after: Option<&String>,
    ) -> Result<Incoming, Error> {
        headers.insert(header::ACCEPT, EVENTS);
        if let Some(event) = after.and_then(|event| HeaderValue::from_str(event).ok()) {
            headers.insert(LAST_EVENT_ID, event);
        }
        self.remote
            .send(Method::GET, self.remote.url(), headers, Bytes::new(), None)
            .await
    }

    /// Reads the next event of a stream; `None` at its end.
    pub(crate) async fn next_event(
        &self,
        response: &mut Incoming,
        parser: &mut Parser,
    ) -> Result<Option<Event>, Error> {
        loop {
            let event = parser
                .next()
                .map_err(|fault| Error::of_message(shown(response.url()), fault))?;
            if let Some(event) = &event {
                response.observe_event(event);
            }
            if event.is_some() {
                return Ok(event);
            }
            match response.chunk().await? {
                Some(chunk) => parser.push(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Delivers a status that is no success: as the server's own JSON-RPC error, if the body has one.
    pub(crate) async fn refusal(
        &self,
        id: Option<&Id>,
        response: &Incoming,
        said: &str,
    ) -> Result<(), Error> {
        let peek = Peek::at(said).filter(|peek| matches!(peek.kind, Kind::Response(_)));
        match (id, peek.and_then(|peek| peek.error)) {
            (Some(id), Some(error)) => {
                let id = id.json();
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
                self.deliver(&text, None).await
            }
            _ => Err(response.status_error(said)),
        }
    }
}
