//! The stream of events to the page: one JSON object on each line.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};
use tokio::time::{Duration, timeout};

/// The most events that wait for a slow page.
const WAITING: usize = 4096;
/// How often a quiet stream carries an empty line, so that a closed page is noticed.
const QUIET: Duration = Duration::from_secs(15);

/// Sends events to every open stream.
pub(crate) struct Events(Sender<Arc<str>>);

impl Default for Events {
    fn default() -> Self {
        Self(channel(WAITING).0)
    }
}

impl Events {
    pub(crate) fn send(&self, event: &str) {
        // Without an open page no stream receives it.
        let _ = self.0.send(Arc::from(event));
    }

    /// Whether a page is open.
    pub(crate) fn has_readers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn subscribe(&self) -> Receiver<Arc<str>> {
        self.0.subscribe()
    }
}

/// A response body with `first`, then every event. It ends when the page reads too slowly; the page
/// then opens a new one, which starts with the current state.
pub(crate) fn body(first: String, receiver: Receiver<Arc<str>>) -> Body {
    let start = (Some(first), receiver);
    Body::from_stream(stream::unfold(start, |(first, mut receiver)| async move {
        if let Some(first) = first {
            return Some((Ok(Bytes::from(first)), (None, receiver)));
        }
        let event: Result<_, std::convert::Infallible> = match timeout(QUIET, receiver.recv()).await
        {
            Ok(Ok(event)) => Ok(Bytes::from(format!("{event}\n"))),
            Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => return None,
            Err(_) => Ok(Bytes::from_static(b"\n")),
        };
        Some((event, (None, receiver)))
    }))
}
