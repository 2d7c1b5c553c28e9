//! A response, read within bounds of time and size.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::shown;
use crate::Error;
use crate::spool::{Body, Limits, Spool};

/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 200;

/// The most that is read of an unexpected answer.
const UNEXPECTED: usize = 64 * 1024;

/// A response whose body is still to come.
#[derive(Debug)]
pub(crate) struct Incoming {
    inner: reqwest::Response,
    url: Url,
    patience: Duration,
}

impl Incoming {
    pub(super) fn new(inner: reqwest::Response, url: Url, patience: Duration) -> Self {
        Self {
            inner,
            url,
            patience,
        }
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

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.inner.chunk();
        let chunk = if self.patience.is_zero() {
            chunk.await
        } else {
            tokio::time::timeout(self.patience, chunk)
                .await
                .map_err(|_| Error::TimedOut {
                    url: shown(&self.url),
                    after: self.patience,
                    flag: "--body-timeout",
                })?
        };
        chunk.map_err(|error| Error::Broken {
            url: shown(&self.url),
            why: causes(&error),
        })
    }

    /// The whole body, as text of at most `limit` bytes.
    pub(crate) async fn text(&mut self, limit: usize) -> Result<String, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(Error::TooLarge {
                    url: shown(&self.url),
                    limit,
                });
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| Error::NotMcp {
            url: shown(&self.url),
            why: "its answer is not UTF-8".to_owned(),
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
        body.map_err(|fault| Error::of_message(shown(&self.url), fault))
    }

    /// The body of an answer that was not expected: as much of it as could be had.
    pub(crate) async fn unexpected_text(&mut self) -> String {
        self.text(UNEXPECTED).await.unwrap_or_default()
    }
}

/// An error for a status that has no meaning here.
pub(crate) fn status_error(url: &Url, status: StatusCode, text: &str) -> Error {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = if text.is_empty() || text.starts_with('<') {
        String::new()
    } else {
        format!(": {text}")
    };
    Error::Status {
        url: shown(url),
        status: status.as_u16(),
        said,
    }
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
