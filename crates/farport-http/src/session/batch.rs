//! Batches, which only 2025-03-26 has: several messages in one body.

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
    caller::Caller,
    endpoint::McpEndpoint,
    form::Form,
    permission::{Opener, Requested},
    refusal::Refusal,
    respond,
};

type Entry = Result<Message, Rejected>;

impl McpEndpoint {
    /// Handles a batch. The response is an array in order, or a stream of all messages if a call sends
    /// more than its response.
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
            .host
            .find(&caller.parts.headers, &caller.principal)
            .await?;
        if !session.record.version().allows_batches() {
            let error = RpcError::invalid_request("This revision has no batches");
            return Err(Refusal::Message(error.into()));
        }
        let accepted = caller.accepted;
        let ids: Vec<RequestId> = entries.iter().filter_map(request_id).collect();
        let opener = Opener::of(&caller);
        let requested = self.permitted_requests(&entries, &caller);
        let served = entries.into_iter().enumerate().map(|(index, entry)| {
            let (endpoint, session, caller) = (self.clone(), session.clone(), caller.clone());
            async move { (index, endpoint.entry(&session, entry, caller).await) }
        });
        let mut served: FuturesUnordered<_> = served.collect();
        let (mut expects_response, mut responses) = (false, Vec::with_capacity(served.len()));
        while let Some((index, entry)) = served.next().await {
            expects_response |= entry.is_some();
            match entry {
                None | Some(Served::Cancelled) => {}
                Some(Served::Answer(frame)) => responses.push((index, frame)),
                Some(Served::Stream(first, _)) => {
                    let merged = self.streams.create();
                    responses.into_iter().for_each(|(_, frame)| {
                        merged.answer(frame);
                    });
                    let all = merge(first, served, merged.clone());
                    self.runtime.spawn(Box::pin(all));
                    let number = session.number();
                    return Ok(self.resumable(&session, merged, number, ids, opener, requested));
                }
            }
        }
        if !expects_response {
            return Ok(respond::accepted(""));
        }
        if responses.is_empty() {
            return Ok(self.cancelled(accepted));
        }
        responses.sort_unstable_by_key(|(index, _)| *index);
        let frames: Vec<Bytes> = responses.into_iter().map(|(_, frame)| frame).collect();
        Ok(match accepted.form() {
            Form::Json => respond::json(StatusCode::OK, frame::batch(&frames)),
            Form::Events => respond::messages(&frames),
        })
    }

    /// Returns the permitted requests of a batch.
    fn permitted_requests(&self, entries: &[Entry], caller: &Caller) -> Vec<Requested> {
        let requested = entries.iter().filter_map(|entry| {
            let Ok(Message::Request(request)) = entry else {
                return None;
            };
            let params = request.params.as_ref();
            let meta = RequestMeta::read(&request.method, params).ok()?;
            let permitted = self
                .gate
                .permit(&caller.principal, &caller.parts, request, &meta);
            permitted.ok()?;
            Some(Requested::new(
                request.method.clone(),
                request.params.clone(),
                &meta,
            ))
        });
        requested.collect()
    }

    /// Handles an entry. Returns `None` if it has no response.
    async fn entry(&self, session: &Arc<Session>, entry: Entry, caller: Caller) -> Option<Served> {
        match entry {
            Ok(Message::Request(request)) => {
                let id = request.id.clone();
                let meta = RequestMeta::read(&request.method, request.params.as_ref());
                let served = match meta {
                    Ok(meta) => self.serve(session, request, &meta, caller).await,
                    Err(error) => Err(Refusal::of(&id, error)),
                };
                Some(served.unwrap_or_else(|refusal| Served::Answer(refusal.into_frame(&id))))
            }
            Ok(Message::Notification(notification)) => {
                if let Err(error) = self.host.mark_ready(session, &notification).await {
                    return Some(Served::Answer(frame::error(None, &error, true)));
                }
                self.host.notify(session, notification);
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

/// Merges the streams of a batch's calls into one stream, which ends with the last of them.
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
