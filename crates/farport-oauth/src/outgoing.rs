//! Requests to other servers: bounded, and without following anybody anywhere.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use crate::{Fetch, FetchError, Fetcher, Reach, json};

/// How long another server may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer that can be used. The text is for the log, and quotes no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it answered with something else than {expected} ({kind})")]
    Nonsense {
        expected: &'static str,
        /// What the answer calls itself.
        kind: String,
    },
    #[error("the request cannot be written: {0}")]
    Request(http::Error),
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer, if it is a 200.
    pub(crate) fn good(self) -> Result<Self, Failure> {
        match self.status {
            StatusCode::OK => Ok(self),
            status => Err(Failure::Status(status)),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Failure> {
        json::object(&self.body).map_err(|_| self.nonsense("a JSON object"))
    }

    pub(crate) fn nonsense(&self, expected: &'static str) -> Failure {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        let kind = kind.unwrap_or_else(|| "no content type".into());
        Failure::Nonsense {
            expected,
            kind: kind.chars().take(100).collect(),
        }
    }
}

/// A request that is being written.
pub(crate) struct Outgoing {
    builder: http::request::Builder,
    body: Bytes,
    reach: Reach,
    most_bytes: usize,
}

impl Outgoing {
    pub(crate) fn get(url: &Url, reach: Reach, most_bytes: usize) -> Self {
        Self::new(Method::GET, url, Bytes::new(), reach, most_bytes)
    }

    /// A form in a POST.
    pub(crate) fn form<'a>(
        url: &Url,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        reach: Reach,
        most_bytes: usize,
    ) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut request = Self::new(Method::POST, url, form.finish().into(), reach, most_bytes);
        request.builder = request
            .builder
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request
    }

    fn new(method: Method, url: &Url, body: Bytes, reach: Reach, most_bytes: usize) -> Self {
        let builder = http::Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("farport/", env!("CARGO_PKG_VERSION")),
            );
        Self {
            builder,
            body,
            reach,
            most_bytes,
        }
    }

    /// Takes the place of a header of the same name.
    pub(crate) fn header(mut self, name: header::HeaderName, value: &str, secret: bool) -> Self {
        match http::HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(secret);
                if let Some(headers) = self.builder.headers_mut() {
                    headers.insert(name, value);
                }
            }
            // This makes the builder keep the error, which tells of it when it is sent.
            Err(_) => self.builder = self.builder.header(name, value),
        }
        self
    }

    pub(crate) async fn send(self, fetcher: &dyn Fetcher) -> Result<Answer, Failure> {
        let request = self.builder.body(self.body).map_err(Failure::Request)?;
        let most_bytes = self.most_bytes;
        let fetch = Fetch {
            request,
            reach: self.reach,
            most_bytes,
            timeout: PATIENCE,
        };
        let (parts, body) = fetcher.fetch(fetch).await?.into_parts();
        if body.len() > most_bytes {
            return Err(FetchError::TooLong.into());
        }
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}
