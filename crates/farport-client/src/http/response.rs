//! A response, read within bounds of time and size.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::Notify;
use url::Url;

use super::coding::{Decoding, Fault};
use super::{shown, status_error, within};
use crate::Error;
use crate::backoff::retry_after;
use crate::observe::Exchange;
use crate::spool::{BOM, Body, Limits, Spool};
use crate::sse::Event;

/// The most that is read of an unexpected response, in bytes.
const UNEXPECTED: usize = 64 * 1024;
/// How long reading an unexpected response may take.
const UNEXPECTED_WITHIN: Duration = Duration::from_secs(5);

/// A response whose body is still to come.
#[derive(Debug)]
pub(crate) struct Incoming {
    inner: reqwest::Response,
    url: Url,
    patience: Duration,
    /// Whether no proxy is between.
    direct: bool,
    /// Signals progress of the request on another connection.
    progress: Option<Arc<Notify>>,
    decoding: Result<Option<Decoding>, Fault>,
    exchange: Option<Exchange>,
}

impl Incoming {
    pub(super) fn new(
        inner: reqwest::Response,
        url: Url,
        patience: Duration,
        direct: bool,
        progress: Option<Arc<Notify>>,
        exchange: Option<Exchange>,
    ) -> Self {
        let decoding = Decoding::of(inner.headers());
        Self {
            inner,
            url,
            patience,
            direct,
            progress,
            decoding,
            exchange,
        }
    }

    /// The address of the server that sent it; `None` behind a proxy.
    pub(crate) fn peer(&self) -> Option<std::net::IpAddr> {
        let address = self.inner.remote_addr().filter(|_| self.direct)?;
        Some(address.ip())
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.inner.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Where it came from, after redirects.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The media type, in lower case and without parameters.
    pub(crate) fn media_type(&self) -> String {
        let value = self.headers().get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        let essence = value.and_then(|value| value.split(';').next());
        essence.unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Returns the next piece of the body, decoded; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let url = &self.url;
            let undecodable = |fault: &Fault| Error::NotMcp {
                url: shown(url),
                why: fault.to_string(),
            };
            let decoding = self.decoding.as_mut().map_err(|fault| undecodable(fault))?;
            if let Some(decoding) = decoding
                && let Some(decoded) = decoding.next().map_err(|fault| undecodable(&fault))?
            {
                return Ok(Some(decoded));
            }
            let raw = self.raw_chunk().await?;
            match (&mut self.decoding, raw) {
                (Ok(Some(decoding)), Some(raw)) => decoding.push(raw),
                (Ok(decoding), None) => {
                    let Some(mut last) = decoding.take() else {
                        return Ok(None);
                    };
                    let last = last.finish().map_err(|fault| Error::NotMcp {
                        url: shown(&self.url),
                        why: fault.to_string(),
                    })?;
                    return Ok((!last.is_empty()).then_some(last));
                }
                (_, raw) => return Ok(raw),
            }
        }
    }

    async fn raw_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.next_raw_chunk().await;
        if let Some(exchange) = &mut self.exchange {
            match &chunk {
                Ok(chunk) => exchange.count(chunk.as_ref().map_or(0, Bytes::len)),
                Err(error) => exchange.failed(error),
            }
        }
        chunk
    }

    /// Shows the body to the observer.
    pub(crate) fn observe_body(&self, body: &str, length: usize) {
        if let Some(exchange) = &self.exchange {
            exchange.body(body, length);
        }
    }

    /// Shows an event of the body to the observer.
    pub(crate) fn observe_event(&self, event: &Event) {
        if let Some(exchange) = &self.exchange {
            exchange.event(event);
        }
    }

    async fn next_raw_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = within(self.patience, self.progress.as_deref(), self.inner.chunk());
        let chunk = chunk.await.ok_or_else(|| Error::TimedOut {
            url: shown(&self.url),
            after: self.patience,
            flag: "--body-timeout",
        })?;
        chunk.map_err(|error| Error::Broken {
            url: shown(&self.url),
            why: causes(&error),
        })
    }

    /// The whole body, which is a message.
    pub(crate) async fn body(&mut self, limits: Limits) -> Result<Body, Error> {
        let mut spool = Spool::new(limits);
        while let Some(chunk) = self.chunk().await? {
            let pushed = spool.push(&chunk);
            pushed.map_err(|fault| Error::of_message(shown(&self.url), fault))?;
        }
        let body = spool.finish();
        let body = body.map_err(|fault| Error::of_message(shown(&self.url), fault))?;
        self.observe_body(body.held(), body.len());
        Ok(body)
    }

    /// How long the server asks to wait before the next attempt (`Retry-After`).
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers(), SystemTime::now())
    }

    /// The body of an unexpected response: as much of it as arrives within 5 s, up to 64 KiB.
    pub(crate) async fn unexpected_text(&mut self) -> String {
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = self.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() >= UNEXPECTED {
                    break;
                }
            }
        };
        // What has arrived by then is enough.
        let _ = tokio::time::timeout(UNEXPECTED_WITHIN, read).await;
        body.truncate(UNEXPECTED);
        let text = String::from_utf8_lossy(body.strip_prefix(BOM).unwrap_or(&body));
        self.observe_body(&text, text.len());
        text.into_owned()
    }

    /// The error for a status that has no meaning here, with the `text` of its body.
    pub(crate) fn status_error(&self, text: &str) -> Error {
        let mut error = status_error(&self.url, self.status(), text);
        if let Error::Status { retry_after, .. } = &mut error {
            *retry_after = self.retry_after();
        }
        error
    }

    /// Reads the body of a response with a status that has no meaning here, and returns the error.
    pub(crate) async fn into_error(mut self) -> Error {
        let text = self.unexpected_text().await;
        self.status_error(&text)
    }
}

/// Whether what came back is not HTTP, such as the alert of a server that expects TLS.
pub(super) fn is_not_http(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let parsed = error.downcast_ref::<hyper::Error>();
        if parsed.is_some_and(hyper::Error::is_parse) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What an error was caused by, the innermost cause last; the address is not in it.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    // The outer ones only say that connecting failed, which the message says already.
    said.pop()
        .unwrap_or_else(|| "the request failed".to_owned())
}
