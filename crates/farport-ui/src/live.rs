//! An open connection, the requests of the page that run on it, and its tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use farport_client::{CancellationToken, Connection};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::state::lock;
use crate::subscriptions::Subscriptions;

/// The most requests that wait for their response.
const MOST_PENDING: usize = 512;

/// The answer to a request.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// Milliseconds from the request to its response.
    pub(crate) ms: f64,
    /// Bytes of the result.
    pub(crate) bytes: usize,
    /// Whether the server repeated a secret that the client sent, which is masked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) masked: bool,
}

/// How a request ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Result(Box<RawValue>),
    /// A JSON-RPC error of the server.
    Error(Box<RawValue>),
    /// No response arrived: what failed, why, and what to do.
    Failed(String),
    /// The user cancelled it.
    Cancelled(bool),
}

/// Why a request was not sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("a request with this id is already running")]
    Duplicate,
    #[error("too many requests are running; wait for one to finish or cancel one")]
    TooMany,
    #[error("the connection is closed; reconnect to the server")]
    Closed,
    #[error(
        "farport starts a program only from the command line; connect to a URL to compare revisions"
    )]
    Process,
}

/// An open connection.
pub(crate) struct Live {
    pub(crate) connection: Connection,
    pub(crate) subscriptions: Subscriptions,
    running: Mutex<HashMap<u64, CancellationToken>>,
    tasks: Mutex<Vec<AbortHandle>>,
    /// Reports that a request has ended.
    ended: Notify,
}

impl Live {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            subscriptions: Subscriptions::default(),
            running: Mutex::default(),
            tasks: Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Ends a task with the connection.
    pub(crate) fn own(&self, task: &tokio::task::JoinHandle<()>) {
        lock(&self.tasks).push(task.abort_handle());
    }

    /// Registers a request of the page.
    pub(crate) fn begin(&self, id: u64) -> Result<Running<'_>, Refused> {
        let mut running = lock(&self.running);
        if running.len() >= MOST_PENDING {
            return Err(Refused::TooMany);
        }
        if running.contains_key(&id) {
            return Err(Refused::Duplicate);
        }
        let stop = CancellationToken::new();
        running.insert(id, stop.clone());
        Ok(Running {
            live: self,
            id,
            stop,
        })
    }

    /// Cancels a request of the page. False if no such request runs.
    pub(crate) fn cancel(&self, id: u64) -> bool {
        match lock(&self.running).get(&id) {
            Some(stop) => {
                stop.cancel();
                true
            }
            None => false,
        }
    }

    /// Waits until no request of the page runs.
    pub(crate) async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            if lock(&self.running).is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Ends the tasks, and closes the session at the server without waiting for it.
    pub(crate) fn close(self: Arc<Self>) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
        tokio::spawn(async move { self.connection.close().await });
    }
}

/// A running request of the page. Dropping it ends it.
pub(crate) struct Running<'a> {
    live: &'a Live,
    id: u64,
    pub(crate) stop: CancellationToken,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(&self.live.running).remove(&self.id);
        self.live.ended.notify_waiters();
    }
}
