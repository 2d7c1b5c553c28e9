//! Calls of a session: awaited in place, or with a stream.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use farport_core::{
    BoxFuture, Call, CallContext, Era, EventStream, Instance, Reply, Request, RequestId,
    RequestMeta, ResponseShape, RpcError, Runtime, Sink, StreamControl, Tier, frame, tier,
};

use futures_util::future::{Either, FutureExt, select};

use crate::{
    caller::Caller,
    endpoint::{McpEndpoint, quiet_after},
    outbox::SessionOutbox,
    refusal::Refusal,
    session::{RecordChange, RunningCall, Session, begin},
};

/// The outcome of a request of a session.
pub(crate) enum Served {
    /// A response frame with a result or an error.
    Answer(Bytes),
    /// The client cancelled the request.
    Cancelled,
    /// The response is a stream with this number.
    Stream(Arc<EventStream>, u64),
}

/// Returns the response frame for a reply.
pub(crate) fn framed(id: &RequestId, reply: Reply) -> Bytes {
    reply.unwrap_or_else(|error| frame::error(Some(id), &error, true))
}

/// Returns the context of a session's request, with a silent sink.
pub(crate) fn context(session: &Session, running: &RunningCall, caller: Caller) -> CallContext {
    CallContext {
        version: session.record.version(),
        principal: caller.principal,
        session: Some(session.record.clone()),
        cancel: Some(running.cancel.clone()),
        sink: Sink::Silent,
        parts: Some(caller.parts),
        control: None,
    }
}

/// Awaits `work`, but at most for the time `quiet`; then returns `None`. Work that is ready at once needs
/// no timer.
pub(crate) async fn unless_quiet<W: Future + Unpin>(
    work: &mut W,
    quiet: Option<Duration>,
    runtime: &dyn Runtime,
) -> Option<W::Output> {
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.poll_unpin(cx) {
            return Poll::Ready(Some(output));
        }
        let Some(quiet) = quiet else {
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| runtime.sleep(quiet));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Ends `stream` with the reply to a call, or without a message if the client cancels the call. A handler
/// that ignores the cancellation runs to completion.
async fn fill(
    stream: Arc<EventStream>,
    id: RequestId,
    work: BoxFuture<'static, Reply>,
    running: RunningCall,
) {
    let cancel = running.cancel.clone();
    match select(work, pin!(cancel.cancelled())).await {
        Either::Left((reply, _)) => {
            let wanted = !cancel.is_cancelled();
            stream.finish(wanted.then(|| framed(&id, reply)));
        }
        Either::Right(((), work)) => {
            stream.finish(None);
            work.await.ok();
        }
    }
    drop(running);
}

impl McpEndpoint {
    /// Handles a request of a session over streamable HTTP.
    pub(crate) async fn serve(
        &self,
        session: &Arc<Session>,
        request: Request,
        meta: &RequestMeta,
        caller: Caller,
    ) -> Result<Served, Refusal> {
        self.gate
            .permit(&caller.principal, &caller.parts, &request, meta)?;
        let (instance, mut running) = begin(session, &request)?;
        let (accepted, quiet) = (caller.accepted, quiet_after(&self.limits, caller.accepted));
        let mut context = context(session, &running, caller);
        let profile = self.host.profile();
        let interactive = session.record.interactive;
        match tier(Era::Session, &request.method, meta, profile, interactive) {
            Tier::Plain | Tier::Asking => {}
            Tier::Session => context.sink = Sink::Session(session.outbox()),
            // A JSON body cannot carry the handler's messages. They go to the session's stream if the
            // client has it open.
            Tier::Call if !accepted.events() => {
                if session.is_connected() {
                    context.sink = Sink::Session(session.outbox());
                }
            }
            Tier::Call => {
                return Ok(self
                    .call_streaming(session, running, instance, request, context, quiet)
                    .await);
            }
        }
        let id = request.id.clone();
        let cancel = running.cancel.clone();
        let change = match RecordChange::of(&request) {
            Some(change) if !change.fits(&session.record) => {
                let error = RpcError::invalid_request("The session has too many subscriptions");
                return Err(Refusal::of(&id, error));
            }
            Some(change) => Some((
                change,
                session.record.clone(),
                self.host.sessions.store().clone(),
            )),
            None => None,
        };
        let mut work = running.start(instance, Call { request, context });
        if let Some((change, record, store)) = change {
            work = Box::pin(async move { change.store(work.await, record, &*store).await });
        }
        let mut work = ContinueOnDrop {
            work: Some((work, running)),
            runtime: &self.runtime,
        };
        // A handler that ignores its cancellation continues, but its client does not wait for it.
        let answered = {
            let cancelled = pin!(cancel.cancelled());
            let mut either = select(&mut work, cancelled);
            let answered = unless_quiet(&mut either, quiet, &*self.runtime).await;
            answered.map(|either| match either {
                Either::Left((reply, _)) => Some(reply),
                Either::Right(_) => None,
            })
        };
        match answered {
            Some(Some(reply)) if !cancel.is_cancelled() => {
                return Ok(Served::Answer(framed(&id, reply)));
            }
            Some(_) => return Ok(Served::Cancelled),
            None => {}
        }
        let Some((work, running)) = work.work.take() else {
            return Ok(Served::Cancelled);
        };
        let stream = self.streams.create();
        let number = running.number;
        let filling = fill(stream.clone(), id, work, running);
        self.runtime.spawn(Box::pin(filling));
        Ok(Served::Stream(stream, number))
    }

    /// Handles a request whose handler may send messages. The call runs in its own task, because a lost
    /// connection does not cancel it (2025-03-26 and later, "Sending Messages to the Server").
    async fn call_streaming(
        &self,
        session: &Arc<Session>,
        mut running: RunningCall,
        instance: Arc<dyn Instance>,
        request: Request,
        mut context: CallContext,
        quiet: Option<Duration>,
    ) -> Served {
        let stream = self.streams.create();
        let number = running.number;
        context.sink = Sink::Call(Arc::new(SessionOutbox {
            session: Arc::downgrade(session),
            stream: Some(stream.clone()),
            call: number,
        }));
        let polls = session.record.version().primes_streams();
        context.control = polls.then(|| StreamControl::new(stream.clone()));
        let id = request.id.clone();
        let work = running.start(instance, Call { request, context });
        let filling = fill(stream.clone(), id, work, running);
        self.runtime.spawn(Box::pin(filling));
        let mut first = poll_fn(|cx| stream.poll_shape(cx));
        match unless_quiet(&mut first, quiet, &*self.runtime).await {
            Some(ResponseShape::Single(frame)) => Served::Answer(frame),
            Some(ResponseShape::Empty) => Served::Cancelled,
            Some(ResponseShape::Stream) | None => Served::Stream(stream, number),
        }
    }
}

/// Awaits a call in place. If this is dropped before the end of the call, because the client
/// disconnected, the call continues in its own task.
struct ContinueOnDrop<'a> {
    work: Option<(BoxFuture<'static, Reply>, RunningCall)>,
    runtime: &'a Arc<dyn Runtime>,
}

impl Future for ContinueOnDrop<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let Some((work, _)) = &mut self.work else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl Drop for ContinueOnDrop<'_> {
    fn drop(&mut self) {
        if let Some((work, running)) = self.work.take() {
            self.runtime.spawn(Box::pin(async move {
                work.await.ok();
                drop(running);
            }));
        }
    }
}
