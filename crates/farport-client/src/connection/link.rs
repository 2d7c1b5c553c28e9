//! What the parts of one connection share: the server, the requests that wait, and where messages go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::hub::{Hub, Sink};
use super::remote::Remote;
use crate::Error;
use crate::message::Id;
use crate::options::TransportOrder;
use crate::tools::Tools;

/// What the parts of one connection share.
pub(crate) struct Link {
    pub(crate) remote: Remote,
    pub(crate) hub: Hub,
    pub(crate) tools: Tools,
    pub(crate) transport: TransportOrder,
    pub(crate) stop: CancellationToken,
    numbers: AtomicU64,
}

impl Link {
    pub(crate) fn new(
        remote: Remote,
        tools: Tools,
        transport: TransportOrder,
        stop: CancellationToken,
        sink: Weak<dyn Sink>,
    ) -> Self {
        Self {
            hub: Hub::new(remote.shown(), sink, remote.watch().cloned()),
            remote,
            tools,
            transport,
            stop,
            numbers: AtomicU64::new(1),
        }
    }

    /// A new request id of the connection's own.
    pub(crate) fn our_id(&self, name: &str) -> Id {
        Id::ours(name, self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// Delivers what the server sent. `from` is the request on whose stream it came.
    pub(crate) async fn deliver(&self, text: &str, from: Option<&Id>) -> Result<(), Error> {
        self.hub.deliver(text, from).await
    }

    /// The connection broke before the response was complete.
    pub(crate) fn broken(&self, why: String) -> Error {
        Error::Broken {
            url: self.remote.shown(),
            why,
        }
    }

    /// The response has a media type that the protocol does not use.
    pub(crate) fn wrong_type(&self, media_type: &str) -> Error {
        Error::NotMcp {
            url: self.remote.shown(),
            why: match media_type {
                "" => "its response has no Content-Type".to_owned(),
                "text/html" => "it sent an HTML page (text/html)".to_owned(),
                other => format!("its response has the type {other}"),
            },
        }
    }
}

/// Locks a mutex. No code panics while it holds one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
