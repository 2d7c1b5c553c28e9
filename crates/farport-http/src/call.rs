//! Serving one request: awaited in place, or with a stream.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use farport_core::{
    BoxFuture, Call, CallContext, Era, EventStream, First, Instance, Reply, Request, RequestId,
    RequestMeta, RpcError, Runtime, Sink, StreamControl, Tier, frame, tier,
};

use futures_util::future::{Either, select};

use crate::{
    outbox::SessionOutbox,
    refusal::Refusal,
    service::{Caller, Inner},
    session::{NotBegun, Ongoing, Remember, Session},
};

/// What became of a request of a session.
pub(crate) enum Served {
    /// A response, or an error in its place.
    Answer(Bytes),
    /// The client no longer wants the answer.
    Cancelled,
    /// The answer is a stream, of this number.
    Stream(Arc<EventStream>, u64),
}

/// The frame that answers a request, whether it went well or not.
pub(crate) fn framed(id: &RequestId, reply: Reply) -> Bytes {
    reply.unwrap_or_else(|error| frame::error(Some(id), &error, true))
}

/// What a request of a session brings along. It can only answer, until it is given a sink.
pub(crate) fn context(session: &Session, ongoing: &Ongoing, caller: Caller) -> CallContext {
    CallContext {
        version: session.record.version(),
        principal: caller.principal,
        session: Some(session.record.clone()),
        cancel: Some(ongoing.cancel.clone()),
        sink: Sink::Silent,
        parts: Some(caller.parts),
        control: None,
    }
}

impl Inner {
    /// Gives a request its place among the session's calls.
    pub(crate) fn begin(
        &self,
        session: &Arc<Session>,
        request: &Request,
    ) -> Result<(Arc<dyn Instance>, Ongoing), Refusal> {
        let instance = session.instance().cloned().ok_or(Refusal::UnknownSession)?;
        let refuse = |message| Refusal::of(&request.id, RpcError::invalid_request(message));
        let ongoing = session.begin(&request.id).map_err(|reason| match reason {
            NotBegun::Ended => Refusal::UnknownSession,
            NotBegun::SameId => refuse("A request with this id is still being served"),
            NotBegun::TooMany => refuse("Too many requests of this session are being served"),
        })?;
        Ok((instance, ongoing))
    }

    /// Serves a request of a session over streamable HTTP.
    pub(crate) async fn ask(
        &self,
        session: &Arc<Session>,
        request: Request,
        meta: &RequestMeta,
        caller: Caller,
    ) -> Result<Served, Refusal> {
        self.permit(&caller.principal, &caller.parts, &request, meta)?;
        let (instance, ongoing) = self.begin(session, &request)?;
        let mut context = context(session, &ongoing, caller);
        let profile = self.dispatch.profile();
        let interactive = session.record.interactive;
        match tier(Era::Session, &request.method, meta, profile, interactive) {
            Tier::Plain => {}
            Tier::Session => context.sink = Sink::Session(session.outbox()),
            Tier::Call => {
                return Ok(self
                    .ask_streaming(session, ongoing, instance, request, context)
                    .await);
            }
        }
        let id = request.id.clone();
        let cancel = ongoing.cancel.clone();
        let remember = match Remember::of(&request) {
            Some(remember) if !remember.fits(&session.record) => {
                let error = RpcError::invalid_request("The session has too many subscriptions");
                return Err(Refusal::of(&id, error));
            }
            Some(remember) => Some((
                remember,
                session.record.clone(),
                self.sessions.store().clone(),
            )),
            None => None,
        };
        let mut work = instance.call(Call { request, context });
        if let Some((remember, record, store)) = remember {
            work = Box::pin(async move { remember.keep(work.await, record, &*store).await });
        }
        let work = RunsOn {
            work: Some((work, ongoing)),
            runtime: &self.runtime,
        };
        // A handler that does not heed its cancellation runs on; its client does not wait for it.
        Ok(match select(work, pin!(cancel.cancelled())).await {
            Either::Left((reply, _)) if !cancel.is_cancelled() => {
                Served::Answer(framed(&id, reply))
            }
            Either::Left(_) | Either::Right(_) => Served::Cancelled,
        })
    }

    /// Serves a request whose handler may send. It runs on its own: a client that loses its
    /// connection has not cancelled (2025-03-26 and later, "Sending Messages to the Server").
    async fn ask_streaming(
        &self,
        session: &Arc<Session>,
        ongoing: Ongoing,
        instance: Arc<dyn Instance>,
        request: Request,
        mut context: CallContext,
    ) -> Served {
        let stream = Arc::new(EventStream::new(self.config.limits.stream));
        let number = ongoing.number;
        context.sink = Sink::Call(Arc::new(SessionOutbox {
            session: Arc::downgrade(session),
            stream: Some(stream.clone()),
            call: number,
        }));
        let polls = session.record.version().primes_streams();
        context.control = polls.then(|| StreamControl::new(stream.clone()));
        let (id, filled) = (request.id.clone(), stream.clone());
        self.runtime.spawn(Box::pin(async move {
            let cancel = ongoing.cancel.clone();
            let work = instance.call(Call { request, context });
            match select(work, pin!(cancel.cancelled())).await {
                Either::Left((reply, _)) => {
                    let wanted = !cancel.is_cancelled();
                    filled.finish(wanted.then(|| framed(&id, reply)));
                }
                Either::Right(((), work)) => {
                    filled.finish(None);
                    work.await.ok();
                }
            }
            drop(ongoing);
        }));
        match poll_fn(|cx| stream.poll_first(cx)).await {
            First::Only(frame) => Served::Answer(frame),
            First::Nothing => Served::Cancelled,
            First::Stream => Served::Stream(stream, number),
        }
    }
}

/// Awaits a call in place. When this is dropped before the call's end, because the client has gone,
/// the call goes on elsewhere.
struct RunsOn<'a> {
    work: Option<(BoxFuture<'static, Reply>, Ongoing)>,
    runtime: &'a Arc<dyn Runtime>,
}

impl Future for RunsOn<'_> {
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

impl Drop for RunsOn<'_> {
    fn drop(&mut self) {
        if let Some((work, ongoing)) = self.work.take() {
            self.runtime.spawn(Box::pin(async move {
                work.await.ok();
                drop(ongoing);
            }));
        }
    }
}
