//! Streams that another process began, and that a client comes back to here.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use farport_core::{EventLog, EventStream, Runtime, StoreError};

use super::Session;
use crate::{refusal::Refusal, service::Inner};

/// How often to look for what the other process has said meanwhile. That is rare: it is about to
/// stop, and its client has come over already.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Inner {
    /// The stream of this number: one of this process, or what is kept of another's.
    pub(super) async fn stream_of(
        &self,
        session: &Arc<Session>,
        number: u64,
    ) -> Result<Option<Arc<EventStream>>, Refusal> {
        if let Some(stream) = session.kept(number) {
            return Ok(Some(stream));
        }
        let Some(log) = session.log.get() else {
            return Ok(None);
        };
        let kept = log.read(session.record.id, number, 0).await;
        let Some(kept) = kept.map_err(|error| failed(&error))? else {
            return Ok(None);
        };
        let ended = kept.ended;
        let stream = Arc::new(EventStream::resumed(self.config.limits.stream, kept, 0));
        // Two may have come back at the same time.
        if let Some(stream) = session.kept(number) {
            return Ok(Some(stream));
        }
        let most = self.config.limits.streams_per_session;
        session.place(number, stream.clone(), most);
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

/// Copies onto `stream` what the other process says, until that has ended, one way or another.
async fn follow(
    log: Arc<dyn EventLog>,
    session: Weak<Session>,
    number: u64,
    stream: Arc<EventStream>,
    runtime: Arc<dyn Runtime>,
) {
    while !stream.is_finished() {
        runtime.sleep(LOOK_EVERY).await;
        let Some(session) = session.upgrade() else {
            return;
        };
        match log.read(session.record.id, number, stream.last()).await {
            Ok(Some(kept)) => {
                kept.events.into_iter().for_each(|event| stream.copy(event));
                if kept.ended {
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

/// The log is told what failed, the peer only that something did.
fn failed(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the event log failed");
    Refusal::Internal
}
