//! The session era (2024-11-05 to 2025-11-25): `initialize`, a session, and streams to resume.
//!
//! The connection keeps what opened the session. When the server no longer knows the session, the
//! connection opens another one with the same `initialize`, subscriptions and log level, and the caller
//! does not notice. Each recovery has one owner: a lock for the session, a task for the stream.

mod http;
mod legacy;
mod listen;
mod open;

pub(crate) use open::Handshake;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderValue, StatusCode};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::link::{Link, lock};
use crate::backoff::Backoff;

/// What is known of the session.
pub(crate) struct Session {
    link: Arc<Link>,
    state: Mutex<State>,
    /// Held while the session is opened again: it has one owner.
    reopening: tokio::sync::Mutex<()>,
    /// How soon the session is opened again after the server no longer knows it.
    reopens: Mutex<Backoff>,
    /// The stream for the server's own requests and notifications.
    stream: OwnStream,
    /// The last HTTP+SSE session that the server no longer knew.
    lost: watch::Sender<u64>,
    /// A request needs the session.
    wanted: Notify,
    absorbing: Arc<Semaphore>,
}

/// The state of the server's own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// There is none, and none is being opened.
    None,
    /// It is being opened, or opened again.
    Opening,
    /// It is open, for the session of this generation.
    Open(u64),
}

/// The server's own stream. One task owns it, and decides when it is opened again.
struct OwnStream {
    state: watch::Sender<Stream>,
    /// Ends the task that owns the stream.
    owner: Mutex<CancellationToken>,
    /// How soon the stream is opened again.
    backoff: Mutex<Backoff>,
}

impl Default for OwnStream {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(Stream::None),
            owner: Mutex::default(),
            backoff: Mutex::default(),
        }
    }
}

impl OwnStream {
    /// Makes the caller the owner of the stream, and ends the owner before it.
    fn take(&self, stream: Stream) -> CancellationToken {
        let token = CancellationToken::new();
        let mut owner = lock(&self.owner);
        std::mem::replace(&mut *owner, token.clone()).cancel();
        self.state.send_replace(stream);
        token
    }

    /// Sets the state of the stream, unless it has another owner by now.
    fn set(&self, token: &CancellationToken, stream: Stream) {
        let _owner = lock(&self.owner);
        if !token.is_cancelled() {
            self.state.send_replace(stream);
        }
    }

    /// Notes that the stream was opened.
    fn opened(&self) {
        lock(&self.backoff).succeeded(Instant::now());
    }

    /// Notes that the stream has ended. Returns how long to wait before it is opened again.
    fn ended(&self) -> Duration {
        lock(&self.backoff).failed(Instant::now())
    }

    fn state(&self) -> Stream {
        *self.state.borrow()
    }

    fn subscribe(&self) -> watch::Receiver<Stream> {
        self.state.subscribe()
    }
}

#[derive(Default)]
struct State {
    transport: Option<Transport>,
    /// The parameters of `initialize`.
    params: Option<String>,
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Counts how often it was opened.
    generation: u64,
    /// Requests to make again in a session opened again, by what they set.
    replay: BTreeMap<String, (String, String)>,
    /// Whether the client has sent `notifications/initialized`.
    initialized: bool,
}

/// The transport of the session.
#[derive(Clone, Debug)]
enum Transport {
    Http,
    /// 2024-11-05: where to post to.
    Sse(Url),
}

/// Whether a response to a request of a session may mean that the server no longer knows the session.
/// The specification has 404; servers use the others as well, each with its own words.
fn may_be_gone(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE
    )
}

/// Whether the same request may succeed later.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        other => other.is_server_error(),
    }
}

/// The most requests that are repeated in a session opened again.
const MOST_REPLAYED: usize = 1000;

impl State {
    /// Remembers, or forgets, what a request sets in a session.
    fn remember(&mut self, method: &str, params: &str) {
        let subject = |params: &str| {
            #[derive(serde::Deserialize, Default)]
            struct Subject {
                #[serde(default)]
                uri: String,
            }
            let subject: Subject = serde_json::from_str(params).unwrap_or_default();
            format!("resource {}", subject.uri)
        };
        match method {
            "logging/setLevel" => {
                self.replay
                    .insert("level".to_owned(), (method.to_owned(), params.to_owned()));
            }
            "resources/subscribe" if self.replay.len() < MOST_REPLAYED => {
                self.replay
                    .insert(subject(params), (method.to_owned(), params.to_owned()));
            }
            "resources/unsubscribe" => {
                self.replay.remove(&subject(params));
            }
            _ => {}
        }
    }
}
