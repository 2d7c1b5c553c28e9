//! The event streams of responses.

use std::sync::Arc;

use farport_core::{EventStream, Runtime};
use futures_util::future::{Either, select};

use crate::{
    Limits,
    gate::Gate,
    permission::{Opener, StreamPermission},
    slots::{Slot, Slots},
    sse_body::SseBody,
};

/// Opens the event streams of responses. An open stream has a slot, and ends when its client's
/// authorization ends.
pub(crate) struct Streams {
    gate: Arc<Gate>,
    slots: Arc<Slots>,
    runtime: Arc<dyn Runtime>,
    limits: Limits,
}

impl Streams {
    pub(crate) fn new(gate: Arc<Gate>, runtime: Arc<dyn Runtime>, limits: Limits) -> Self {
        Self {
            gate,
            slots: Slots::new(limits.streams, limits.streams_of_share),
            runtime,
            limits,
        }
    }

    /// Creates an empty stream.
    pub(crate) fn create(&self) -> Arc<EventStream> {
        Arc::new(EventStream::new(self.limits.stream))
    }

    /// Returns a body with the events of `stream`.
    pub(crate) fn body(&self, stream: Arc<EventStream>, after: Option<u64>) -> SseBody {
        let keep_alive = self.limits.keep_alive;
        SseBody::new(stream, after, self.runtime.clone(), keep_alive)
    }

    /// Takes a slot for a stream, and ends the stream when it loses its slot or its client's
    /// authorization ends.
    pub(crate) fn authorized(
        &self,
        body: SseBody,
        opener: Opener,
        permission: impl StreamPermission,
    ) -> SseBody {
        let slot = self.slots.take(opener.share());
        self.authorized_in(slot, body, opener, permission)
    }

    /// Ends a stream when it loses `slot` or its client's authorization ends.
    pub(crate) fn authorized_in(
        &self,
        slot: Slot,
        body: SseBody,
        opener: Opener,
        permission: impl StreamPermission,
    ) -> SseBody {
        let lease = self.gate.lease(opener, permission);
        body.until(Box::pin(async move {
            let lost = std::pin::pin!(slot.lost.cancelled());
            match lease {
                Some(lease) => match select(lease, lost).await {
                    Either::Left(_) | Either::Right(_) => {}
                },
                None => lost.await,
            }
        }))
    }
}
