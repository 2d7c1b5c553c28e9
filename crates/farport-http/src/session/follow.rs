//! Streams of another process that a client resumes in this one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use farport_core::{EventLog, EventStream, Runtime, StoreError};

use super::{Session, SessionHost};
use crate::{Limits, refusal::Refusal};

/// The interval at which to read new events of the other process. This is rare: that process is shutting
/// down, and its client has already reconnected here.
const POLL_EVERY: Duration = Duration::from_millis(250);

impl SessionHost {
    /// Returns the stream of this number: a stream of this process, or one in the event log.
    pub(super) async fn stream_of(
        &self,
        session: &Arc<Session>,
        number: u64,
        limits: &Limits,
    ) -> Result<Option<Arc<EventStream>>, Refusal> {
        if let Some(stream) = session.retained(number) {
            return Ok(Some(stream));
        }
        let Some(log) = session.log.get() else {
            return Ok(None);
        };
        let stored = log.read(session.record.id, number, 0).await;
        let Some(stored) = stored.map_err(|error| failed(&error))? else {
            return Ok(None);
        };
        let ended = stored.ended;
        let stream = Arc::new(EventStream::resumed(limits.stream, stored, 0));
        // A concurrent request may have resumed the stream.
        if let Some(stream) = session.retained(number) {
            return Ok(Some(stream));
        }
        let most = limits.streams_per_session;
        session.retain_here(number, stream.clone(), Vec::new(), most);
        if !ended {
            let following = follow(
                log.clone(),
                Arc::downgrade(session),
                number,
                stream.clone(),
                self.runtime.clone(),
            );
            self.runtime.spawn(Box::pin(following));
        }
        Ok(Some(stream))
    }
}

/// Copies the events of the other process to `stream`, until they end or the log fails.
async fn follow(
    log: Arc<dyn EventLog>,
    session: Weak<Session>,
    number: u64,
    stream: Arc<EventStream>,
    runtime: Arc<dyn Runtime>,
) {
    while !stream.is_finished() {
        runtime.sleep(POLL_EVERY).await;
        let Some(session) = session.upgrade() else {
            return;
        };
        match log.read(session.record.id, number, stream.last()).await {
            Ok(Some(stored)) => {
                stored
                    .events
                    .into_iter()
                    .for_each(|event| stream.copy(event));
                if stored.ended {
                    stream.finish(None);
                }
            }
            Ok(None) => stream.finish(None),
            Err(error) => {
                failed(&error);
                stream.finish(None);
            }
        }
    }
}

/// Logs a failure. The peer only learns that the server failed.
fn failed(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the event log failed");
    Refusal::Internal
}
