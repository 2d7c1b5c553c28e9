//! A batch, which only 2025-03-26 has: several messages in one body.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use farport_core::{
    EventStream, Message, Method, RequestId, RequestMeta, RpcError, envelope::Rejected, frame,
};
use futures_util::{Stream, StreamExt, future::join, stream::FuturesUnordered};
use http::{Response, StatusCode};

use super::Session;
use crate::{
    Body,
    call::Served,
    refusal::Refusal,
    respond,
    service::{Caller, Inner},
};

type Entry = Result<Message, Rejected>;

impl Inner {
    /// Serves a batch: with an array in its order, or, once one of its calls has more to say than
    /// its answer, with a stream of what they all say.
    pub(crate) async fn batch(
        self: &Arc<Self>,
        entries: Vec<Entry>,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        let opens = |entry: &Entry| matches!(entry, Ok(Message::Request(request)) if request.method == Method::Initialize);
        if entries.iter().any(opens) {
            let error = RpcError::invalid_request("initialize must not be part of a batch");
            return Err(Refusal::Message(error.into()));
        }
        let session = self
            .session_of(&caller.parts.headers, &caller.principal)
            .await?;
        if !session.record.version().allows_batches() {
            let error = RpcError::invalid_request("This revision has no batches");
            return Err(Refusal::Message(error.into()));
        }
        let asked: Vec<RequestId> = entries.iter().filter_map(request_id).collect();
        let served = entries.into_iter().enumerate().map(|(place, entry)| {
            let (inner, session, caller) = (self.clone(), session.clone(), caller.clone());
            async move { (place, inner.entry(&session, entry, caller).await) }
        });
        let mut served: FuturesUnordered<_> = served.collect();
        let (mut owed, mut answers) = (false, Vec::with_capacity(served.len()));
        while let Some((place, entry)) = served.next().await {
            owed |= entry.is_some();
            match entry {
                None | Some(Served::Cancelled) => {}
                Some(Served::Answer(frame)) => answers.push((place, frame)),
                Some(Served::Stream(first, _)) => {
                    let merged = Arc::new(EventStream::new(self.config.limits.stream));
                    answers.into_iter().for_each(|(_, frame)| {
                        merged.answer(frame);
                    });
                    let all = merge(first, served, merged.clone());
                    self.runtime.spawn(Box::pin(all));
                    return Ok(self.resumable(&session, merged, session.number(), asked));
                }
            }
        }
        if !owed {
            return Ok(respond::accepted(""));
        }
        if answers.is_empty() {
            return Ok(self.nothing());
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        let frames: Vec<Bytes> = answers.into_iter().map(|(_, frame)| frame).collect();
        Ok(respond::json(StatusCode::OK, frame::batch(&frames)))
    }

    /// What an entry comes to; `None` when it is owed nothing.
    async fn entry(&self, session: &Arc<Session>, entry: Entry, caller: Caller) -> Option<Served> {
        match entry {
            Ok(Message::Request(request)) => {
                let id = request.id.clone();
                let meta = RequestMeta::read(&request.method, request.params.as_ref());
                let served = match meta {
                    Ok(meta) => self.ask(session, request, &meta, caller).await,
                    Err(error) => Err(Refusal::of(&id, error)),
                };
                Some(served.unwrap_or_else(|refusal| Served::Answer(refusal.into_frame(&id))))
            }
            Ok(Message::Notification(notification)) => {
                if let Err(error) = self.opened(session, &notification).await {
                    return Some(Served::Answer(frame::error(None, &error, true)));
                }
                self.notify(session, notification);
                None
            }
            Ok(Message::Response(response)) => {
                session.exchange.resolve(response);
                None
            }
            Err(Rejected { id, error }) => {
                Some(Served::Answer(frame::error(id.as_ref(), &error, true)))
            }
        }
    }
}

fn request_id(entry: &Entry) -> Option<RequestId> {
    match entry {
        Ok(Message::Request(request)) => Some(request.id.clone()),
        _ => None,
    }
}

/// Copies what the calls of a batch say onto one stream, which ends with the last of them.
async fn merge(
    first: Arc<EventStream>,
    rest: impl Stream<Item = (usize, Option<Served>)>,
    into: Arc<EventStream>,
) {
    let rest = rest.for_each_concurrent(None, |(_, entry)| {
        let into = into.clone();
        async move {
            match entry {
                None | Some(Served::Cancelled) => {}
                Some(Served::Answer(frame)) => {
                    into.answer(frame);
                }
                Some(Served::Stream(stream, _)) => copy(stream, into).await,
            }
        }
    });
    join(copy(first, into.clone()), rest).await;
    into.finish(None);
}

async fn copy(from: Arc<EventStream>, into: Arc<EventStream>) {
    let mut reader = from.attach(None);
    while let Some(event) = poll_fn(|cx| from.poll_next(&mut reader, cx)).await {
        if event.answer {
            into.answer(event.data);
        } else {
            into.push(event.data);
        }
    }
}
