//! Event streams as response bodies.

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

/// Events that are ready at the same time are sent in one chunk, up to about this many bytes.
const CHUNK: usize = 32 * 1024;

/// Sends the events of a stream as server-sent events, and comments while the stream is idle.
pub(crate) struct SseBody {
    stream: Arc<EventStream>,
    reader: Reader,
    /// The stream's number, if its events have ids.
    numbered: Option<u64>,
    preface: Option<Bytes>,
    keep_alive: Duration,
    timer: BoxFuture<'static, ()>,
    /// When the last chunk was sent.
    last_sent: Timestamp,
    runtime: Arc<dyn Runtime>,
    /// The call that fills the stream, if dropping the response cancels it.
    driver: Option<BoxFuture<'static, ()>>,
    /// Whether `until` has ended the response.
    cut: bool,
    /// Ends the response when it is ready.
    until: Option<BoxFuture<'static, ()>>,
    /// Guards to drop with the response.
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
    /// Creates a body with the events after event `after`, or those that no reader has received.
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
            last_sent: runtime.now(),
            runtime,
            driver: None,
            cut: false,
            until: None,
            _held: None,
        }
    }

    /// Adds ids to the events, as events of stream `number`.
    pub(crate) fn numbered(mut self, number: u64) -> Self {
        self.numbered = Some(number);
        self
    }

    /// Starts with a priming event, from which a client can resume the stream.
    pub(crate) fn primed(self, retry: Duration) -> Self {
        let Some(stream) = self.numbered else {
            return self;
        };
        let seq = self.reader.after();
        let mut preface = Vec::new();
        sse::priming(&mut preface, EventId { stream, seq }, retry);
        self.preceded(preface)
    }

    /// Starts with these bytes.
    pub(crate) fn preceded(mut self, preface: Vec<u8>) -> Self {
        self.preface = Some(Bytes::from(preface));
        self
    }

    /// Starts with a comment if the stream is empty, because some proxies forward a response only after
    /// its first byte.
    pub(crate) fn opening_comment(mut self) -> Self {
        if self.preface.is_none() && self.stream.last() == 0 {
            self.preface = Some(Bytes::from_static(sse::KEEP_ALIVE));
        }
        self
    }

    /// Polls `driver` while the response is read, and drops it with the response.
    pub(crate) fn driven(mut self, driver: BoxFuture<'static, ()>) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Ends the response when `until` is ready. Drops `until` with the response.
    pub(crate) fn until(mut self, until: BoxFuture<'static, ()>) -> Self {
        self.until = Some(until);
        self
    }

    /// Keeps `held` until the response ends.
    pub(crate) fn holding(mut self, held: impl Send + 'static) -> Self {
        self._held = Some(Box::new(held));
        self
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            self.until = None;
            self.driver = None;
            self.cut = true;
        }
        if self.cut {
            return Poll::Ready(None);
        }
        if self.preface.is_some() && self.stream.poll_known(cx).is_pending() {
            // The client must not learn the stream's id before the log has recorded the stream.
            return self.poll_keep_alive(cx);
        }
        if let Some(preface) = self.preface.take() {
            self.last_sent = self.runtime.now();
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
            self.last_sent = self.runtime.now();
            return Poll::Ready(Some(Bytes::from(chunk)));
        }
        if ended {
            return Poll::Ready(None);
        }
        self.poll_keep_alive(cx)
    }

    /// Uses one timer for the whole stream. When it fires early, because of a later chunk, it waits for
    /// the remaining time.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = self.runtime.now();
            let idle = now.since(self.last_sent);
            if idle >= self.keep_alive {
                self.timer = self.runtime.sleep(self.keep_alive);
                self.last_sent = now;
                return Poll::Ready(Some(Bytes::from_static(sse::KEEP_ALIVE)));
            }
            self.timer = self.runtime.sleep(self.keep_alive - idle);
        }
        Poll::Pending
    }
}
