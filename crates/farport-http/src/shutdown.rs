//! The shutdown of the service.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::refusal::Refusal;

/// Whether the service is shutting down.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    started: AtomicBool,
    token: CancellationToken,
}

impl Shutdown {
    /// Starts the shutdown.
    pub(crate) fn start(&self) {
        self.started.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Returns a token that fires when the shutdown starts.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Refuses a new stream during the shutdown.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.started.load(Ordering::Acquire) {
            return Err(Refusal::Unavailable("The server is shutting down"));
        }
        Ok(())
    }
}
