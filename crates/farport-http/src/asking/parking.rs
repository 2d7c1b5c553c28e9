//! Parked calls: their work, their timers, and their sealed states.

use std::{
    fmt,
    future::{poll_fn, ready},
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
};

use farport_core::{
    BoxFuture, RawJson, Reply, RequestId, RpcError, Runtime, Share, Timestamp,
    asking::{Asker, ParkedCalls, ParkingLimits, ResumeError, Ticket},
    frame::{self, ServerInfo},
};
use farport_oauth::{Random, Sealer};
use futures_util::future::{Either, FutureExt, select};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{AskingOutbox, Leg};

/// The wait for more questions of the same call, so that one response carries them all.
const GATHER: std::time::Duration = std::time::Duration::from_millis(20);

/// The start of each `requestState` that farport creates. Any other state belongs to the handler.
const PREFIX: &str = "farport.";

/// A running call whose handler may ask the client.
pub(crate) struct AskingCall {
    work: BoxFuture<'static, Reply>,
    outbox: Arc<AskingOutbox>,
    /// The id of the first request, which the handler's response has.
    id: RequestId,
    asker: Asker,
    share: Share,
    /// The ticket of the last round.
    ticket: Option<Ticket>,
}

impl AskingCall {
    /// Creates a call that starts as request `id`.
    pub(crate) fn new(
        work: BoxFuture<'static, Reply>,
        outbox: Arc<AskingOutbox>,
        id: RequestId,
        asker: Asker,
        share: Share,
    ) -> Self {
        Self {
            work,
            outbox,
            id,
            asker,
            share,
            ticket: None,
        }
    }

    /// Continues a resumed call with another request.
    pub(crate) fn continue_with(&self, leg: Leg, responses: Option<&RawJson>) {
        self.outbox.resume(leg, responses);
    }
}

/// A parked call, which its keeper still polls: the handler may withdraw a question or return.
struct Suspended {
    call: Mutex<Option<AskingCall>>,
    /// Fires when the call is resumed or dropped.
    ended: CancellationToken,
}

impl Suspended {
    fn take(&self) -> Option<AskingCall> {
        let call = self.lock().take();
        self.ended.cancel();
        call
    }

    fn lock(&self) -> MutexGuard<'_, Option<AskingCall>> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps calls while their clients answer.
pub(crate) struct Parking {
    calls: Mutex<ParkedCalls<Arc<Suspended>>>,
    sealer: Sealer,
    /// The name of this process.
    replica: Arc<str>,
    server_info: RawJson,
    runtime: Arc<dyn Runtime>,
}

impl fmt::Debug for Parking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parking")
            .field("calls", &self.lock().len())
            .finish_non_exhaustive()
    }
}

/// The host's random bytes.
struct HostRandom(Arc<dyn Runtime>);

impl Random for HostRandom {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.random(buffer);
    }
}

impl Parking {
    pub(crate) fn new(
        limits: ParkingLimits,
        replica: Arc<str>,
        server_info: RawJson,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        Self {
            calls: Mutex::new(ParkedCalls::new(limits)),
            sealer: Sealer::new(Arc::new(HostRandom(runtime.clone()))),
            replica,
            server_info,
            runtime,
        }
    }

    /// Reports whether this module created a `requestState`.
    pub(crate) fn issued(state: &str) -> bool {
        state.starts_with(PREFIX)
    }

    /// Runs a call until the handler returns or asks. A call that asks is parked, and the reply asks the
    /// client. The reply is addressed to request `id`.
    pub(crate) async fn drive(self: Arc<Self>, mut call: AskingCall, id: RequestId) -> Reply {
        loop {
            let outbox = call.outbox.clone();
            let asked = poll_fn(|cx| outbox.poll_asked(cx));
            if let Either::Left((reply, _)) = select(&mut call.work, asked).await {
                return reply.map(|frame| frame::readdressed(frame, &call.id, &id));
            }
            let gathered = self.runtime.sleep(GATHER);
            if let Either::Left((reply, _)) = select(&mut call.work, gathered).await {
                return reply.map(|frame| frame::readdressed(frame, &call.id, &id));
            }
            let until = self.runtime.now().after(self.lock().limits().wait);
            if let Some((requests, until)) = call.outbox.questions(until) {
                return self.park(call, requests, until, &id);
            }
        }
    }

    /// Takes the call that `state` belongs to.
    pub(crate) fn resume(&self, state: &str, asker: &Asker) -> Result<AskingCall, ResumeError> {
        let state = state.strip_prefix(PREFIX).ok_or(ResumeError::Invalid)?;
        let (replica, sealed) = state.split_once('.').ok_or(ResumeError::Invalid)?;
        if *replica != *self.replica {
            return Err(ResumeError::Elsewhere);
        }
        let ticket = self.sealer.open(&bound(asker), sealed);
        let ticket = ticket.map_err(|_| ResumeError::Invalid)?;
        let ticket = Ticket::decode(&ticket).ok_or(ResumeError::Invalid)?;
        let now = self.runtime.now();
        let suspended = self.lock().resume(now, ticket, asker)?;
        suspended.take().ok_or(ResumeError::Ended)
    }

    /// Drops all parked calls, because the server shuts down.
    pub(crate) fn clear(&self) {
        let calls = self.lock().clear();
        for call in calls {
            call.take();
        }
    }

    fn park(
        self: &Arc<Self>,
        mut call: AskingCall,
        requests: Map<String, Value>,
        until: Timestamp,
        id: &RequestId,
    ) -> Reply {
        let ticket = self.lock().ticket(call.ticket, until);
        let sealed = self.sealer.seal(&bound(&call.asker), &ticket.encode());
        let result = json!({
            "resultType": "input_required",
            "inputRequests": requests,
            "requestState": format!("{PREFIX}{}.{sealed}", self.replica),
        });
        let info = ServerInfo {
            json: &self.server_info,
            alone: true,
        };
        let frame = frame::response(id, &result, Some(info)).map_err(|error| {
            tracing::error!(%error, "cannot serialize the questions of a handler");
            RpcError::internal()
        })?;
        call.outbox.pause();
        call.ticket = Some(ticket);
        let (asker, share) = (call.asker.clone(), call.share.clone());
        let suspended = Arc::new(Suspended {
            call: Mutex::new(Some(call)),
            ended: CancellationToken::new(),
        });
        let evicted = self.lock().park(ticket, asker, share, suspended.clone());
        for call in evicted {
            tracing::debug!("a parked call made room for another");
            call.take();
        }
        let keeper = keep(
            Arc::downgrade(self),
            suspended,
            ticket,
            self.runtime.clone(),
        );
        self.runtime.spawn(Box::pin(keeper));
        Ok(frame)
    }

    fn lock(&self) -> MutexGuard<'_, ParkedCalls<Arc<Suspended>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Polls a parked call until it is resumed, dropped, or expires.
async fn keep(
    parking: Weak<Parking>,
    suspended: Arc<Suspended>,
    ticket: Ticket,
    runtime: Arc<dyn Runtime>,
) {
    let mut expiry = runtime.sleep(ticket.until.since(runtime.now()));
    let mut ended = pin!(suspended.ended.cancelled());
    let mut returned = false;
    poll_fn(|cx| {
        if ended.as_mut().poll(cx).is_ready() || expiry.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !returned
            && let Some(call) = &mut *suspended.lock()
            && let Poll::Ready(reply) = call.work.poll_unpin(cx)
        {
            // The client receives it when it sends its request again.
            returned = true;
            drop(mem::replace(&mut call.work, Box::pin(ready(reply))));
        }
        Poll::Pending
    })
    .await;
    if suspended.ended.is_cancelled() {
        return;
    }
    if let Some(parking) = parking.upgrade() {
        let expired = parking.lock().expire(runtime.now(), ticket);
        drop(expired);
    }
    if suspended.take().is_some() {
        tracing::debug!("a parked call received no answer in time");
    }
}

/// Returns what a sealed state is bound to: its purpose and the caller.
fn bound(asker: &Asker) -> Vec<u8> {
    let share = Share::of(&asker.principal, None);
    [b"farport request state ", share.as_str().as_bytes()].concat()
}
