//! One HTTP exchange, as an observer receives it.

use farport_oauth::join_url;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::{HttpEvent, Purpose, Text, Watch};
use crate::sse::Event;

/// One HTTP exchange. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Exchange {
    watch: Watch,
    number: u64,
    purpose: Purpose,
    url: Url,
    started: Instant,
    bytes: u64,
    failed: bool,
}

impl Exchange {
    /// Reports a request.
    pub(crate) fn start(
        watch: &Watch,
        (purpose, attempt): (Purpose, u32),
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let exchange = Self {
            watch: watch.clone(),
            number: watch.next(),
            purpose,
            url: url.clone(),
            started: Instant::now(),
            bytes: 0,
            failed: false,
        };
        exchange.watch.0.sent.hide_sent(url, headers);
        // The headers first: a secret in them is masked in the body too.
        let headers = exchange.watch.0.masks.headers(headers, url);
        let url = exchange.watch.0.masks.url(url);
        let body = exchange.text(&String::from_utf8_lossy(body));
        exchange.report(HttpEvent::Request {
            exchange: exchange.number,
            purpose,
            attempt,
            method: method.clone(),
            url,
            headers,
            body,
        });
        exchange
    }

    /// Reports the head of the response.
    pub(crate) fn response(&self, status: StatusCode, headers: &HeaderMap) {
        let headers = self.watch.0.masks.headers(headers, &self.url);
        self.report(HttpEvent::Response {
            exchange: self.number,
            status,
            headers,
            after: self.started.elapsed(),
        });
    }

    /// Counts bytes of the body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Reports the body of the response. `length` is that of the whole body, of which large ones are
    /// not in memory.
    pub(crate) fn body(&self, body: &str, length: usize) {
        let mut body = self.text(body);
        body.length = body.length.max(length);
        self.report(HttpEvent::Body {
            exchange: self.number,
            body,
            after: self.started.elapsed(),
        });
    }

    /// Reports an event of the response's stream.
    pub(crate) fn event(&self, event: &Event) {
        let (name, data) = (&*event.name, event.data.held());
        let mut data = match name {
            // It names the session.
            "endpoint" => {
                let url = join_url(&self.url, data.trim());
                let text = url.map(|url| self.watch.0.masks.url(&url));
                self.watch.0.masks.bounded(&text.unwrap_or_default())
            }
            _ => self.text(data),
        };
        if data.length == 0 {
            // A large one is in a file.
            data.length = event.data.len();
        }
        self.report(HttpEvent::Event {
            exchange: self.number,
            name: self.watch.0.masks.text(name),
            id: event.id.as_deref().map(|id| self.watch.0.masks.text(id)),
            data,
            after: self.started.elapsed(),
        });
    }

    /// Reports that the exchange failed.
    pub(crate) fn failed(&mut self, error: &crate::Error) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        self.report(HttpEvent::Failed {
            exchange: self.number,
            error: self.watch.0.masks.text(&error.to_string()),
            after: self.started.elapsed(),
        });
    }

    fn text(&self, text: &str) -> Text {
        let masks = &self.watch.0.masks;
        match self.purpose {
            Purpose::Registration | Purpose::Token => masks.document(text),
            Purpose::Message
            | Purpose::Stream
            | Purpose::CloseSession
            | Purpose::Challenge
            | Purpose::Metadata => masks.bounded(text),
        }
    }

    fn report(&self, event: HttpEvent) {
        self.watch.0.observer.http(event);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.report(HttpEvent::Ended {
            exchange: self.number,
            bytes: self.bytes,
            after: self.started.elapsed(),
        });
    }
}
