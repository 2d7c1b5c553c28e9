//! Observes what a connection does: each JSON-RPC message, each HTTP exchange and each step of a sign-in,
//! as data.
//!
//! Secrets are masked before they reach an observer. Without an observer nothing is recorded.

mod exchange;
mod mask;
mod steps;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use url::Url;

pub(crate) use exchange::Exchange;
use mask::Masks;
pub use steps::{ClientSource, SignInStep};

/// The most of a body or event that an observer receives, in bytes.
const MOST_BODY: usize = 64 * 1024;

/// Receives what a connection does.
///
/// The methods are called in the middle of the work, so they must return quickly.
pub trait Observer: Send + Sync {
    /// Receives a step of an HTTP exchange.
    fn http(&self, event: HttpEvent);

    /// Receives a step of a sign-in.
    fn sign_in(&self, step: SignInStep);

    /// Receives a JSON-RPC message, each time it is sent or received. Secrets are masked.
    fn message(&self, direction: Direction, text: &str) {
        let _ = (direction, text);
    }

    /// Receives a line that the process of a server wrote to its standard error.
    fn stderr(&self, line: &str) {
        let _ = line;
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Sent,
    /// From the server to the client.
    Received,
}

impl fmt::Debug for dyn Observer + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// Why a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// A message to the MCP server.
    Message,
    /// A stream of the MCP server, opened or resumed.
    Stream,
    /// The end of a session.
    CloseSession,
    /// A request without a token, to receive the server's challenge.
    Challenge,
    /// Metadata of the protected resource or the authorization server.
    Metadata,
    /// The registration of a client.
    Registration,
    /// A request to the token, device authorization or revocation endpoint.
    Token,
}

/// A step of an HTTP exchange. `exchange` is the number that all steps of one exchange share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpEvent {
    /// A request is sent.
    #[non_exhaustive]
    Request {
        /// The number of the exchange.
        exchange: u64,
        /// Why the request is made.
        purpose: Purpose,
        /// 1 for the first attempt.
        attempt: u32,
        /// The HTTP method.
        method: Method,
        /// The URL. The values of query parameters that may be secret are masked.
        url: String,
        /// The headers. Secret values are masked.
        headers: HeaderMap,
        /// The body.
        body: Text,
    },
    /// The head of the response has arrived.
    #[non_exhaustive]
    Response {
        /// The number of the exchange.
        exchange: u64,
        /// The status.
        status: StatusCode,
        /// The headers. Secret values are masked.
        headers: HeaderMap,
        /// The time since the request was sent.
        after: Duration,
    },
    /// An event of the response's stream has arrived.
    #[non_exhaustive]
    Event {
        /// The number of the exchange.
        exchange: u64,
        /// The name of the event; empty for a message.
        name: String,
        /// The id of the event.
        id: Option<String>,
        /// The data.
        data: Text,
        /// The time since the request was sent.
        after: Duration,
    },
    /// The body of the response has arrived.
    #[non_exhaustive]
    Body {
        /// The number of the exchange.
        exchange: u64,
        /// The body.
        body: Text,
        /// The time since the request was sent.
        after: Duration,
    },
    /// The exchange failed.
    #[non_exhaustive]
    Failed {
        /// The number of the exchange.
        exchange: u64,
        /// Why.
        error: String,
        /// The time since the request was sent.
        after: Duration,
    },
    /// The exchange has ended, and its response is no longer read.
    #[non_exhaustive]
    Ended {
        /// The number of the exchange.
        exchange: u64,
        /// How many bytes of the body arrived, before they were decoded.
        bytes: u64,
        /// The time since the request was sent.
        after: Duration,
    },
}

/// A bounded text in which secrets are masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Text {
    /// The start of the text, at most 64 KiB.
    pub text: String,
    /// The length of the whole text, in bytes.
    pub length: usize,
}

impl Text {
    /// Whether this is not the whole text.
    pub fn is_cut(&self) -> bool {
        self.text.len() < self.length
    }
}

/// The observer of one connection, with the secrets that it must not see.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Watched>);

struct Watched {
    observer: Arc<dyn Observer>,
    /// All that may be secret.
    masks: Masks,
    /// What the client has sent as a secret.
    sent: Masks,
    exchanges: AtomicU64,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self(Arc::new(Watched {
            observer,
            masks: Masks::default(),
            sent: Masks::default(),
            exchanges: AtomicU64::new(1),
        }))
    }

    /// Masks this text from now on, wherever it appears.
    pub(crate) fn hide(&self, secret: &str) {
        self.0.masks.hide(secret);
        self.0.sent.hide(secret);
    }

    /// A text without the secrets that the client has sent. Borrowed when it has none.
    pub(crate) fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.sent.apply(text)
    }

    /// Reports a JSON-RPC message.
    pub(crate) fn message(&self, direction: Direction, text: &str) {
        let text = self.0.masks.text(text);
        self.0.observer.message(direction, &text);
    }

    /// Reports a line of a server's standard error.
    pub(crate) fn stderr(&self, line: &str) {
        self.0.observer.stderr(&self.0.masks.text(line));
    }

    /// Reports a step of a sign-in.
    pub(crate) fn step(&self, step: SignInStep) {
        self.0.observer.sign_in(step.masked(&self.0.masks));
    }

    /// A URL as an observer may see it.
    pub(crate) fn url(&self, url: &Url) -> String {
        self.0.masks.url(url)
    }

    fn next(&self) -> u64 {
        self.0.exchanges.fetch_add(1, Ordering::Relaxed)
    }
}
