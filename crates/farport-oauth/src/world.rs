//! What this crate needs of the world.

use std::{fmt, time::Duration};

use bytes::Bytes;

use crate::BoxFuture;

/// Bytes that an attacker cannot guess.
pub trait Random: Send + Sync + 'static {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// Sends requests to other servers.
///
/// An implementation follows no redirect, sends nothing that it was not given, uses no proxy from
/// the environment for [`Reach::Public`], and gives up at the limits.
pub trait Fetcher: Send + Sync + 'static {
    /// Sends `request` and reads the answer, whatever its status.
    fn fetch(&self, request: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>>;
}

/// A request to another server, and its limits.
pub struct Fetch {
    /// The request, with an absolute URL.
    pub request: http::Request<Bytes>,
    /// Where it may go.
    pub reach: Reach,
    /// The longest body that is read, in bytes; a longer one is an error.
    pub most_bytes: usize,
    /// How long it may take from beginning to end.
    pub timeout: Duration,
}

/// Headers, query and body may hold secrets.
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

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Wherever the operator's settings point it.
    Configured,
    /// To public addresses alone, over https: a stranger named the URL. The address is checked on
    /// which the connection is actually made, and special-use ones are refused, those included
    /// that are written as, or translated to, IPv6.
    Public,
}

/// Why a request had no answer. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not one that this request may go to.
    #[error("the address may not be asked: {0}")]
    Forbidden(String),
    /// The answer is longer than it may be.
    #[error("the answer is too long")]
    TooLong,
    /// It took too long.
    #[error("there was no answer in time")]
    TimedOut,
    /// The connection failed.
    #[error("{0}")]
    Failed(String),
}
