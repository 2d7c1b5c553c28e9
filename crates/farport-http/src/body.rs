//! Response bodies, and reading of request bodies.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use farport_core::Runtime;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::{Limits, negotiate, refusal::Refusal, sse_body::SseBody};

/// A response body: empty, complete, or a stream of events.
#[derive(Debug)]
pub struct Body(Kind);

#[derive(Debug)]
enum Kind {
    Full(Option<Bytes>),
    Stream(Box<SseBody>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self(Kind::Full(None))
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Kind::Full(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(crate) fn stream(body: SseBody) -> Self {
        Self(Kind::Stream(Box::new(body)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Stream(stream) => stream
                .poll_chunk(cx)
                .map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// Reads a request body within the limits on size and time. Refuses a body with a content coding.
pub(crate) async fn read<B>(
    body: B,
    headers: &HeaderMap,
    limits: &Limits,
    runtime: &dyn Runtime,
) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes>,
{
    negotiate::is_unencoded(headers)?;
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(Refusal::TooLarge);
    }
    let mut body = pin!(body);
    let mut received = Received::Nothing;
    let mut timer = None;
    poll_fn(|cx| {
        loop {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Refusal::Broken)),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data()
                        && !received.add(data, limits.body_bytes)
                    {
                        return Poll::Ready(Err(Refusal::TooLarge));
                    }
                }
                // A body that is complete at once needs no timer.
                Poll::Pending => {
                    let timer = timer.get_or_insert_with(|| runtime.sleep(limits.body_time));
                    return timer.as_mut().poll(cx).map(|()| Err(Refusal::TooSlow));
                }
            }
        }
    })
    .await?;
    Ok(received.into_bytes())
}

/// The part of a body that has been read. Most bodies arrive in one piece, which is not copied.
enum Received {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Received {
    /// Appends data. Returns false if the body exceeds `max` bytes.
    fn add(&mut self, data: Bytes, max: usize) -> bool {
        let len = match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        };
        if len + data.len() > max {
            return false;
        }
        match self {
            Self::Nothing => *self = Self::One(data),
            Self::One(first) => {
                let mut many = BytesMut::with_capacity(first.len() + data.len());
                many.extend_from_slice(first);
                many.extend_from_slice(&data);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.extend_from_slice(&data),
        }
        true
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(many) => many.freeze(),
        }
    }
}
