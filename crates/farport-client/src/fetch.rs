//! HTTP requests outside MCP, such as those to the API of a model. They use the same stack as connections:
//! the same trust, proxies, time limits and bounds.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::Error;
use crate::http::{Http, HttpOptions, Incoming, Outgoing, Redirects, shown};
use crate::observe::Purpose;
use crate::spool::Limits;
use crate::sse::Parser;

/// The largest event of a stream, in bytes.
const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Sends HTTP requests outside MCP.
///
/// Redirects are not followed, because a request may carry a secret. Requests do not reach an observer.
///
/// ```no_run
/// use farport_client::{HttpClient, HttpOptions, parse_url};
/// use http::{HeaderMap, Method};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = HttpClient::new(HttpOptions::default());
/// let url = parse_url("http://127.0.0.1:11434/v1/models")?;
/// let mut response = client.send(Method::GET, &url, HeaderMap::new(), bytes::Bytes::new()).await?;
/// println!("{}", response.text(1024 * 1024).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpClient(Http);

impl HttpClient {
    /// A client. The observer of `options` is not used.
    pub fn new(options: HttpOptions) -> Self {
        Self(Http::new(HttpOptions {
            observer: None,
            ..options
        }))
    }

    /// Sends a request, and waits for the head of its response. Any status is a response.
    ///
    /// # Errors
    /// When the server cannot be reached, does not answer in time, or redirects.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<HttpResponse, Error> {
        let incoming = self.0.send(Outgoing {
            method,
            url: url.clone(),
            headers,
            body,
            redirects: Redirects::Never,
            // Nothing observes it.
            purpose: Purpose::Message,
            attempt: 1,
        });
        Ok(HttpResponse {
            incoming: incoming.await?,
            events: Parser::new(Limits::new(LARGEST_EVENT, LARGEST_EVENT)),
            ended: false,
        })
    }
}

/// A response whose body is read as text or as server-sent events.
#[derive(Debug)]
pub struct HttpResponse {
    incoming: Incoming,
    events: Parser,
    ended: bool,
}

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpStreamEvent {
    /// The type; empty if the stream names none.
    pub name: String,
    /// The data.
    pub data: String,
}

impl HttpResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.incoming.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.incoming.headers()
    }

    /// The media type of the body, in lower case and without parameters.
    pub fn media_type(&self) -> String {
        self.incoming.media_type()
    }

    /// Waits for the next server-sent event; `None` at the end of the body. The last event needs no empty
    /// line after it.
    ///
    /// # Errors
    /// When the connection breaks, nothing arrives in time, or an event has more than 16 MiB.
    pub async fn event(&mut self) -> Result<Option<HttpStreamEvent>, Error> {
        loop {
            let url = self.incoming.url();
            let fault = |fault| Error::of_message(shown(url), fault);
            while let Some(event) = self.events.next().map_err(fault)? {
                let data = event.data.into_text().map_err(fault)?;
                if !data.is_empty() {
                    let name = event.name;
                    return Ok(Some(HttpStreamEvent { name, data }));
                }
            }
            if self.ended {
                return Ok(None);
            }
            match self.incoming.chunk().await? {
                Some(chunk) => self.events.push(&chunk),
                None => {
                    self.ended = true;
                    self.events.push(b"\n\n");
                }
            }
        }
    }

    /// Reads the body of a successful response.
    ///
    /// # Errors
    /// When the connection breaks, or the body has more than `most` bytes or is not UTF-8.
    pub async fn text(&mut self, most: usize) -> Result<String, Error> {
        let body = self.incoming.body(Limits::new(most, most)).await?;
        body.into_text()
            .map_err(|fault| Error::of_message(shown(self.incoming.url()), fault))
    }

    /// Reads the body of a response that reports an error: what arrives of it within 5 s, up to 64 KiB.
    pub async fn error_text(&mut self) -> String {
        self.incoming.unexpected_text().await
    }
}
