//! Requests to other servers, with limits and without redirects.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use crate::{Fetch, FetchError, Fetcher, Reach, client::FormRequest, json};

/// The timeout of a request to another server.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A request has no usable response. The message is for the log and quotes no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the server returned {0}")]
    Status(StatusCode),
    #[error("the server returned {content_type} instead of {expected}")]
    Unexpected {
        expected: &'static str,
        /// The content type of the response.
        content_type: String,
    },
    #[error("the request is not valid: {0}")]
    Request(http::Error),
}

/// A response with any status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// The response, if its status is 200.
    pub(crate) fn ok(self) -> Result<Self, Failure> {
        match self.status {
            StatusCode::OK => Ok(self),
            status => Err(Failure::Status(status)),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Failure> {
        json::object(&self.body).map_err(|_| self.unexpected("a JSON object"))
    }

    /// The error for a response with another content than `expected`.
    pub(crate) fn unexpected(&self, expected: &'static str) -> Failure {
        let content_type = self.headers.get(header::CONTENT_TYPE);
        let content_type =
            content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let content_type = content_type.unwrap_or_else(|| "no content type".into());
        Failure::Unexpected {
            expected,
            content_type: content_type.chars().take(100).collect(),
        }
    }
}

/// A request builder.
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

    /// A POST request with a form.
    pub(crate) fn form(url: &Url, form: FormRequest, reach: Reach, most_bytes: usize) -> Self {
        let mut request = Self::new(Method::POST, url, form.body, reach, most_bytes);
        if let Some(headers) = request.builder.headers_mut() {
            for (name, value) in &form.headers {
                headers.insert(name, value.clone());
            }
        }
        request
    }

    /// A request with a JSON body.
    pub(crate) fn json(
        method: Method,
        url: &Url,
        body: &Value,
        reach: Reach,
        most_bytes: usize,
    ) -> Self {
        let body = Bytes::from(body.to_string());
        let mut request = Self::new(method, url, body, reach, most_bytes);
        request.builder = request
            .builder
            .header(header::CONTENT_TYPE, "application/json");
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

    /// Sets a header to a value, and replaces one with the same name.
    pub(crate) fn header_value(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        if let Some(headers) = self.builder.headers_mut() {
            headers.insert(name, value);
        }
        self
    }

    /// Sets a header to a text, and replaces one with the same name.
    pub(crate) fn header(mut self, name: header::HeaderName, value: &str, secret: bool) -> Self {
        match http::HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(secret);
                if let Some(headers) = self.builder.headers_mut() {
                    headers.insert(name, value);
                }
            }
            // The builder keeps the error and returns it from `send`.
            Err(_) => self.builder = self.builder.header(name, value),
        }
        self
    }

    pub(crate) async fn send(self, fetcher: &dyn Fetcher) -> Result<Response, Failure> {
        let request = self.builder.body(self.body).map_err(Failure::Request)?;
        let most_bytes = self.most_bytes;
        let fetch = Fetch {
            request,
            reach: self.reach,
            most_bytes,
            timeout: TIMEOUT,
        };
        let (parts, body) = fetcher.fetch(fetch).await?.into_parts();
        if body.len() > most_bytes {
            return Err(FetchError::TooLong.into());
        }
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}
