//! Routes what the server sends to the request that waits for it, or to the sink.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;

use super::calls::{Calls, Recipient, Request};
use crate::Error;
use crate::message::{self, Id, Kind, Peek};
use crate::observe::{Direction, Watch};
use crate::spool::{Body, Filed};

/// Receives what the server sends, except for responses to the connection's own requests.
pub(crate) trait Sink: Send + Sync {
    /// Takes a request or notification. `from` is the request on whose stream it came.
    fn message<'a>(
        self: Arc<Self>,
        text: &'a str,
        peek: &'a Peek<'_>,
        from: Option<&'a Id>,
    ) -> BoxFuture<'a, ()>;

    /// Takes the response to a request of the caller.
    fn response<'a>(
        self: Arc<Self>,
        id: &'a Id,
        text: &'a str,
        peek: &'a Peek<'_>,
        request: Request,
    ) -> BoxFuture<'a, ()>;

    /// Whether messages to the caller pass through unread.
    fn takes_files(&self) -> bool;

    /// Takes a message in a file, which [`Sink::takes_files`] permits. `answered` is the request that a
    /// response belongs to.
    fn file(self: Arc<Self>, message: Filed, answered: Option<Id>) -> BoxFuture<'static, ()>;

    /// Takes the failure of a request of the caller.
    fn failure<'a>(self: Arc<Self>, id: &'a Id, error: &'a Error) -> BoxFuture<'a, ()>;

    /// Takes an error that belongs to no request.
    fn report(&self, error: &Error);
}

/// The requests that wait, and the receiver of everything else.
pub(crate) struct Hub {
    pub(crate) calls: Arc<Calls>,
    sink: Weak<dyn Sink>,
    /// The server, for people.
    peer: String,
    watch: Option<Watch>,
}

impl Hub {
    pub(crate) fn new(peer: String, sink: Weak<dyn Sink>, watch: Option<Watch>) -> Self {
        Self {
            calls: Arc::default(),
            sink,
            peer,
            watch,
        }
    }

    /// Reports a message to the observer.
    pub(crate) fn observe(&self, direction: Direction, text: &str) {
        if let Some(watch) = &self.watch {
            watch.message(direction, text);
        }
    }

    /// The observer.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// The server, for people.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Reports an error that belongs to no request.
    pub(crate) fn report(&self, error: &Error) {
        if let Some(sink) = self.sink.upgrade() {
            sink.report(error);
        }
    }

    /// Fails every request that the session of `generation` accepted.
    pub(crate) async fn fail_accepted(&self, generation: u64, error: &Error) {
        for id in self.calls.fail_accepted(generation) {
            if let Some(sink) = self.sink.upgrade() {
                sink.failure(&id, error).await;
            }
        }
    }

    /// Delivers a body, wherever it was kept until it was whole.
    pub(crate) async fn deliver_body(&self, body: Body, from: Option<&Id>) -> Result<(), Error> {
        match body {
            Body::Held(text) => self.deliver(&text, from).await,
            Body::Filed(filed) => self.deliver_filed(filed, from).await,
        }
    }

    /// The text of a message that has to be in memory.
    pub(crate) fn text_of(&self, body: Body) -> Result<String, Error> {
        let text = body.into_text();
        text.map_err(|fault| Error::of_message(self.peer.clone(), fault))
    }

    /// Delivers a message in a file. A message that only passes through is never read into memory.
    async fn deliver_filed(&self, mut filed: Filed, from: Option<&Id>) -> Result<(), Error> {
        let Some(sink) = self.sink.upgrade() else {
            return Ok(());
        };
        // Reading all of it takes a while, and other messages continue.
        let read = tokio::task::spawn_blocking(move || (filed.kind(), filed));
        let (kind, filed) = read.await.map_err(|_| Error::Stopped)?;
        let kind = kind.map_err(|fault| Error::of_message(self.peer.clone(), fault))?;
        let passes = match &kind {
            Some(Kind::Response(Some(id))) => sink.takes_files() && self.calls.passes_through(id),
            Some(Kind::Request(_) | Kind::Notification) => sink.takes_files(),
            Some(Kind::Response(None)) | None => false,
        };
        if !passes {
            // It is for the connection, or has to be changed, or is a batch or no message at all.
            let text = self.text_of(Body::Filed(filed))?;
            return self.deliver(&text, from).await;
        }
        let answered = match kind {
            Some(Kind::Response(id)) => id,
            _ => None,
        };
        if let Some(id) = answered.as_ref().filter(|id| !self.calls.take(id)) {
            tracing::debug!(id = id.json(), "a response to no request that waits");
            return Ok(());
        }
        sink.file(filed, answered).await;
        Ok(())
    }

    /// Delivers what the server sent: a message, or a batch of them. `from` is the request on whose
    /// stream it came.
    pub(crate) fn deliver<'a>(
        &'a self,
        text: &'a str,
        from: Option<&'a Id>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // Boxed, because what it delivers may lead to more requests.
        Box::pin(async move {
            let not_json = || Error::NotMcp {
                url: self.peer.clone(),
                why: "it sent something that is not JSON-RPC".to_owned(),
            };
            for message in message::split(text).ok_or_else(not_json)? {
                let peek = Peek::at(message).ok_or_else(not_json)?;
                self.observe(Direction::Received, message);
                match &peek.kind {
                    Kind::Response(Some(id)) => self.deliver_response(id, message, &peek).await,
                    Kind::Response(None) => self.deliver_error(&peek, from).await,
                    Kind::Request(_) | Kind::Notification => {
                        self.deliver_incoming(message, &peek, from).await;
                    }
                }
            }
            Ok(())
        })
    }

    async fn deliver_incoming(&self, text: &str, peek: &Peek<'_>, from: Option<&Id>) {
        let token = (peek.method == "notifications/progress")
            .then(|| message::progress_token(peek))
            .flatten();
        if let Some(token) = &token {
            self.calls.note_progress(token);
        }
        if let Some(sink) = self.sink.upgrade() {
            sink.message(text, peek, from).await;
        }
    }

    /// Delivers a server's error about no request in particular: it could not read one. It answers the
    /// request on whose stream it came, else the only one that waits on the session's stream.
    async fn deliver_error(&self, peek: &Peek<'_>, from: Option<&Id>) {
        let Some(error) = peek.error else { return };
        let from = from.filter(|id| self.calls.is_pending(id)).cloned();
        match from.or_else(|| self.calls.only_accepted()) {
            Some(id) => {
                let named = id.json();
                let text = format!(r#"{{"jsonrpc":"2.0","id":{named},"error":{error}}}"#);
                if let Some(peek) = Peek::at(&text) {
                    self.deliver_response(&id, &text, &peek).await;
                }
            }
            None => self.report(&Error::Refused {
                url: self.peer.clone(),
                why: message::error_text(error),
            }),
        }
    }

    async fn deliver_response(&self, id: &Id, text: &str, peek: &Peek<'_>) {
        match self.calls.respond(id, text) {
            Recipient::Own => {}
            Recipient::Caller(request) => {
                if let Some(sink) = self.sink.upgrade() {
                    sink.response(id, text, peek, request).await;
                }
            }
            Recipient::None => {
                tracing::debug!(id = id.json(), "a response to no request that waits");
            }
        }
    }
}
