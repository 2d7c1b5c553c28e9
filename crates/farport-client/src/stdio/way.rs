//! The way to the server: over HTTP, or the lines of a child process.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::child::{self, Child};
use crate::connection::hub::Hub;
use crate::connection::link::Link;
use crate::connection::modern::Modern;
use crate::connection::session::Session;
use crate::tools::Tools;

/// How long closing the session at the server may take.
const CLOSE: Duration = Duration::from_secs(2);

/// The way to the server.
pub(super) enum Way {
    Http(Http),
    Process(Arc<Child>),
}

/// The ways of both eras over HTTP.
pub(super) struct Http {
    pub(super) link: Arc<Link>,
    pub(super) session: Arc<Session>,
    pub(super) modern: Modern,
}

impl Way {
    pub(super) fn hub(&self) -> &Hub {
        match self {
            Self::Http(http) => &http.link.hub,
            Self::Process(child) => &child.hub,
        }
    }

    /// The tools that are hidden from the client.
    pub(super) fn tools(&self) -> Option<&Tools> {
        match self {
            Self::Http(http) => Some(&http.link.tools),
            Self::Process(_) => None,
        }
    }

    /// The largest message of the client, in bytes.
    pub(super) fn largest(&self) -> usize {
        match self {
            Self::Http(http) => http.link.remote.limits().held,
            Self::Process(_) => child::LARGEST,
        }
    }

    /// Whether the server reads one message after the other.
    pub(super) fn is_process(&self) -> bool {
        matches!(self, Self::Process(_))
    }

    /// Closes the session, or ends the process.
    pub(super) async fn close(&self) {
        match self {
            Self::Http(http) => {
                let closed = tokio::time::timeout(CLOSE, http.session.close());
                if closed.await.is_err() {
                    tracing::debug!("the server did not close the session in time");
                }
            }
            Self::Process(child) => child.close().await,
        }
    }
}
