//! An event stream as a response body.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use farport_core::{
    BoxFuture, EventStream, Reader, Runtime, Timestamp,
    sse::{self, EventId},
};

/// Events that are ready together leave together, up to about this many bytes.
const CHUNK: usize = 32 * 1024;

/// Follows a stream and writes what it says as server-sent events, with comments while it is
/// quiet.
pub(crate) struct SseBody {
    stream: Arc<EventStream>,
    reader: Reader,
    /// The stream's number, when its events carry ids.
    numbered: Option<u64>,
    preface: Option<Bytes>,
    keep_alive: Duration,
    timer: BoxFuture<'static, ()>,
    /// When something was last said.
    spoke: Timestamp,
    runtime: Arc<dyn Runtime>,
    /// The work that fills the stream, where it lives and dies with the response.
    driver: Option<BoxFuture<'static, ()>>,
    /// What ends when the response does.
    _held: Option<Box<dyn Send>>,
}

impl fmt::Debug for SseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl SseBody {
    /// Follows `stream` from after event `after`, or from what nobody was given yet.
    pub(crate) fn new(
        stream: Arc<EventStream>,
        after: Option<u64>,
        runtime: Arc<dyn Runtime>,
        keep_alive: Duration,
    ) -> Self {
        Self {
            reader: stream.attach(after),
            stream,
            numbered: None,
            preface: None,
            keep_alive,
            timer: runtime.sleep(keep_alive),
            spoke: runtime.now(),
            runtime,
            driver: None,
            _held: None,
        }
    }

    /// Gives every event an id, as event of stream `number`.
    pub(crate) fn numbered(mut self, number: u64) -> Self {
        self.numbered = Some(number);
        self
    }

    /// Opens with an event to resume from: it stands for all that goes before.
    pub(crate) fn primed(self, retry: Duration) -> Self {
        let Some(stream) = self.numbered else {
            return self;
        };
        let seq = self.reader.after();
        let mut preface = Vec::new();
        sse::priming(&mut preface, EventId { stream, seq }, retry);
        self.preceded(preface)
    }

    /// Opens with these bytes.
    pub(crate) fn preceded(mut self, preface: Vec<u8>) -> Self {
        self.preface = Some(Bytes::from(preface));
        self
    }

    /// Runs `driver` as the response is read; it is dropped with the response.
    pub(crate) fn driven(mut self, driver: BoxFuture<'static, ()>) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Keeps `held` until the response ends.
    pub(crate) fn holding(mut self, held: impl Send + 'static) -> Self {
        self._held = Some(Box::new(held));
        self
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.preface.is_some() && self.stream.poll_known(cx).is_pending() {
            // A client that knows of the stream has to find it again, whatever happens.
            return self.poll_keep_alive(cx);
        }
        if let Some(preface) = self.preface.take() {
            self.spoke = self.runtime.now();
            return Poll::Ready(Some(preface));
        }
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            self.driver = None;
        }
        let mut chunk = Vec::new();
        let ended = loop {
            match self.stream.poll_next(&mut self.reader, cx) {
                Poll::Ready(Some(event)) => {
                    let id = self.numbered.map(|stream| EventId {
                        stream,
                        seq: event.seq,
                    });
                    sse::message(&mut chunk, id, &event.data);
                    if chunk.len() >= CHUNK {
                        break false;
                    }
                }
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
        };
        if !chunk.is_empty() {
            self.spoke = self.runtime.now();
            return Poll::Ready(Some(Bytes::from(chunk)));
        }
        if ended {
            return Poll::Ready(None);
        }
        self.poll_keep_alive(cx)
    }

    /// One timer for the whole stream: when it fires, it may have to wait for the rest of the time
    /// since something was last said.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = self.runtime.now();
            let quiet = now.since(self.spoke);
            if quiet >= self.keep_alive {
                self.timer = self.runtime.sleep(self.keep_alive);
                self.spoke = now;
                return Poll::Ready(Some(Bytes::from_static(sse::KEEP_ALIVE)));
            }
            self.timer = self.runtime.sleep(self.keep_alive - quiet);
        }
        Poll::Pending
    }
}
