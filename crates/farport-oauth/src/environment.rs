//! The interfaces that this crate needs from its host.

use std::{fmt, time::Duration};

use bytes::Bytes;

use crate::BoxFuture;

/// A cryptographically secure random source.
pub trait Random: Send + Sync + 'static {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Sends requests to other servers.
///
/// An implementation follows no redirects, adds nothing to the request, uses no proxy from the
/// environment for [`Reach::Public`], and enforces the limits.
pub trait Fetcher: Send + Sync + 'static {
    /// Sends `request` and returns the response, with any status.
    fn fetch(&self, request: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>>;
}

/// A request to another server, and its limits.
pub struct Fetch {
    /// The request, with an absolute URL.
    pub request: http::Request<Bytes>,
    /// The permitted destinations.
    pub reach: Reach,
    /// The largest accepted body of the response, in bytes.
    pub most_bytes: usize,
    /// The timeout of the whole request.
    pub timeout: Duration,
}

/// Omits the headers, the query and the body, which may contain secrets.
impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.request.uri();
        f.debug_struct("Fetch")
            .field("method", self.request.method())
            .field("host", &uri.host())
            .field("path", &uri.path())
            .field("reach", &self.reach)
            .field("most_bytes", &self.most_bytes)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The permitted destinations of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any destination: the URL comes from the operator's settings.
    Configured,
    /// Only public addresses over https: the URL comes from an untrusted party. The fetcher checks the
    /// address that it actually connects to, and rejects special-use addresses, including those that
    /// IPv6 addresses stand for.
    Public,
}

/// A request has no response. The message is for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request must not be sent to this address.
    #[error("requests to this address are not permitted: {0}")]
    Forbidden(String),
    /// The response is larger than permitted.
    #[error("the response is too large")]
    TooLong,
    /// The request timed out.
    #[error("the request timed out")]
    TimedOut,
    /// The connection failed.
    #[error("{0}")]
    Failed(String),
}
