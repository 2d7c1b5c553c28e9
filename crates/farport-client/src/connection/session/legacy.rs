//! HTTP+SSE (2024-11-05, "HTTP with SSE"): one stream for everything the server sends, and an address
//! to post to.
//!
//! One task owns the stream: it reads it, and opens it again when it has ended. So there is one stream
//! at a time, and the waits between attempts grow.

use farport_oauth::join_url;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, header};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Session, Stream, Transport, is_transient};
use crate::Error;
use crate::connection::calls::Captured;
use crate::connection::exchange::{EVENTS, JSON};
use crate::connection::link::lock;
use crate::http::{Incoming, same_origin, shown};
use crate::message::{self, Id, Peek};
use crate::observe::Direction;
use crate::sse::Parser;

/// How long a stream may take to say where to post to.
const ENDPOINT_WITHIN: Duration = Duration::from_secs(30);

/// Reads a stream to its end, and says why it ended.
type Reading = BoxFuture<'static, String>;

impl Session {
    /// Opens a session with an `initialize` request, and returns its response. The inner error says
    /// that the server does not have this transport.
    pub(super) async fn sse_open(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        mut captured: Captured,
    ) -> Result<Result<String, Error>, Error> {
        let (endpoint, mut reading) = match self.sse_connect().await? {
            Ok(connected) => connected,
            Err(error) => return Ok(Err(error)),
        };
        let token = self.stream.take(Stream::Open(0));
        lock(&self.state).transport = Some(Transport::Sse(endpoint.clone()));
        let asked = async {
            let mut response = self.sse_post(&endpoint, text).await?;
            if response.status().is_success() {
                self.absorb(response);
            } else {
                let said = response.unexpected_text().await;
                self.link.refusal(Some(id), &response, &said).await?;
            }
            captured.response().await.ok_or(Error::Stopped)
        };
        let answer = tokio::select! {
            biased;
            answer = asked => answer,
            why = &mut reading => Err(self.link.broken(why)),
            () = token.cancelled() => Err(Error::Stopped),
        };
        let is_open = answer
            .as_ref()
            .is_ok_and(|answer| Peek::at(answer).is_some_and(|peek| peek.result.is_some()));
        if !is_open {
            lock(&self.state).transport = None;
            self.stream.set(&token, Stream::None);
            return answer.map(Ok);
        }
        let generation = self.sse_opened(&token, endpoint);
        let session = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = session.sse_keep(&token, reading, generation) => {}
                () = token.cancelled() => {}
                () = session.link.stop.cancelled() => {}
            }
        });
        answer.map(Ok)
    }

    /// Notes that a session is open, and returns its generation.
    fn sse_opened(&self, token: &CancellationToken, endpoint: Url) -> u64 {
        let generation = {
            let mut state = lock(&self.state);
            state.transport = Some(Transport::Sse(endpoint));
            state.generation += 1;
            state.generation
        };
        self.stream.set(token, Stream::Open(generation));
        self.stream.opened();
        generation
    }

    /// Opens the stream, and finds out where to post to. The inner error says that the server does
    /// not have this transport.
    async fn sse_connect(self: &Arc<Self>) -> Result<Result<(Url, Reading), Error>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, EVENTS);
        let mut response = self
            .link
            .remote
            .send(
                Method::GET,
                self.link.remote.url(),
                headers,
                Bytes::new(),
                None,
            )
            .await?;
        if !response.status().is_success() {
            return Ok(Err(response.into_error().await));
        }
        let media_type = response.media_type();
        if media_type != "text/event-stream" {
            return Ok(Err(self.link.wrong_type(&media_type)));
        }
        let mut parser = Parser::new(self.link.remote.limits());
        let first = async {
            loop {
                match self.link.next_event(&mut response, &mut parser).await? {
                    Some(event) if event.name == "endpoint" => {
                        let endpoint = event.data.held().to_owned();
                        return Ok(Some(endpoint));
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
        };
        let found = tokio::time::timeout(ENDPOINT_WITHIN, first).await;
        let endpoint = match found {
            Ok(Ok(Some(endpoint))) => endpoint,
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) | Err(_) => {
                return Ok(Err(Error::NotMcp {
                    url: self.link.remote.shown(),
                    why: "its stream does not say where to send messages".to_owned(),
                }));
            }
        };
        let endpoint =
            join_url(self.link.remote.url(), endpoint.trim()).map_err(|_| Error::NotMcp {
                url: self.link.remote.shown(),
                why: "its stream names an invalid address for messages".to_owned(),
            })?;
        // Messages, and the token with them, go to the server that the user named.
        if !same_origin(&endpoint, self.link.remote.url()) {
            return Err(Error::Redirected {
                from: self.link.remote.shown(),
                to: shown(&endpoint),
            });
        }
        let reading = Arc::clone(self).sse_read(response, parser).boxed();
        Ok(Ok((endpoint, reading)))
    }

    async fn sse_read(self: Arc<Self>, mut response: Incoming, mut parser: Parser) -> String {
        loop {
            match self.link.next_event(&mut response, &mut parser).await {
                Ok(Some(event)) => {
                    if event.is_message()
                        && let Err(error) = self.link.hub.deliver_body(event.data, None).await
                    {
                        // One event that is no message does not end the stream.
                        self.link.hub.report(&error);
                    }
                }
                Ok(None) => return "the stream ended".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Keeps stream and session open, as their one owner.
    async fn sse_keep(
        self: &Arc<Self>,
        token: &CancellationToken,
        mut reading: Reading,
        mut generation: u64,
    ) {
        loop {
            let mut lost = self.lost.subscribe();
            let why = tokio::select! {
                why = &mut reading => why,
                _ = lost.wait_for(|lost| *lost >= generation) => {
                    "the server no longer knows the session".to_owned()
                }
            };
            // Closed before the next one is opened.
            drop(reading);
            self.stream.set(token, Stream::Opening);
            // The session ends with its stream, and so do the calls that it has accepted.
            self.link
                .hub
                .fail_accepted(generation, &self.link.broken(why))
                .await;
            (reading, generation) = self.sse_reopen(token).await;
        }
    }

    /// Opens stream and session again, for as long as it takes.
    async fn sse_reopen(self: &Arc<Self>, token: &CancellationToken) -> (Reading, u64) {
        let mut after = None;
        loop {
            self.sse_wait(after.take()).await;
            let error = match self.sse_connect().await {
                Ok(Ok((endpoint, mut reading))) => {
                    match self.sse_shake_hands(&endpoint, &mut reading).await {
                        Ok(()) => {
                            let generation = self.sse_opened(token, endpoint);
                            self.sse_replay().await;
                            return (reading, generation);
                        }
                        Err(error) => error,
                    }
                }
                Ok(Err(error)) | Err(error) => error,
            };
            tracing::debug!(%error, "no new session yet");
            match error {
                Error::Status { retry_after, .. } => after = retry_after,
                // The user is not asked again before there is something to sign in for.
                Error::SignIn(_) => self.wanted.notified().await,
                _ => {}
            }
        }
    }

    /// Waits before the next attempt, longer each time, and for as long as the server asks.
    async fn sse_wait(&self, after: Option<Duration>) {
        let wait = self.stream.ended();
        tokio::time::sleep(wait.max(after.unwrap_or_default())).await;
    }

    /// Initializes a session on an open stream, on which a server that is busy is asked again.
    async fn sse_shake_hands(
        self: &Arc<Self>,
        endpoint: &Url,
        reading: &mut Reading,
    ) -> Result<(), Error> {
        let work = async {
            loop {
                let after = match self.sse_initialize(endpoint).await {
                    Err(Error::Unreachable { .. }) => None,
                    Err(Error::Status {
                        status,
                        retry_after,
                        ..
                    }) if StatusCode::from_u16(status).is_ok_and(is_transient) => retry_after,
                    other => return other,
                };
                self.sse_wait(after).await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            why = reading => Err(self.link.broken(why)),
        }
    }

    async fn sse_initialize(self: &Arc<Self>, endpoint: &Url) -> Result<(), Error> {
        let (params, ready) = {
            let state = lock(&self.state);
            (state.params.clone(), state.initialized)
        };
        let params = params.unwrap_or_else(|| "{}".to_owned());
        let id = self.link.our_id("own");
        let text = message::request(&id, "initialize", &params);
        let mut expected = self.link.hub.calls.expect(&id);
        self.sse_send(endpoint, &text).await?;
        let answer = tokio::time::timeout(ENDPOINT_WITHIN, expected.response()).await;
        let answer = answer.ok().flatten().ok_or_else(|| {
            self.link
                .broken("the server did not answer initialize".to_owned())
        })?;
        self.result_of(&answer)?;
        if ready {
            let ready = message::notification("notifications/initialized", "{}");
            self.sse_send(endpoint, &ready).await?;
        }
        Ok(())
    }

    /// Sets in a session opened again what the client has set in the one before.
    async fn sse_replay(self: &Arc<Self>) {
        let replay: Vec<_> = {
            let state = lock(&self.state);
            state.replay.values().cloned().collect()
        };
        if replay.is_empty() {
            return;
        }
        // Their responses come on the stream, which the caller reads next.
        let session = Arc::clone(self);
        tokio::spawn(async move {
            for (method, params) in replay {
                let id = session.link.our_id("own");
                let text = message::request(&id, &method, &params);
                if let Err(error) = session.request(None, &text).await {
                    tracing::warn!(%error, %method, "could not be set in the new session");
                }
            }
        });
    }

    /// Posts a message, which the server has to accept.
    async fn sse_send(self: &Arc<Self>, endpoint: &Url, text: &str) -> Result<(), Error> {
        let response = self.sse_post(endpoint, text).await?;
        if !response.status().is_success() {
            return Err(response.into_error().await);
        }
        self.absorb(response);
        Ok(())
    }

    /// Posts a message. Its response comes on the stream.
    pub(super) async fn sse_post(&self, endpoint: &Url, text: &str) -> Result<Incoming, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, JSON);
        let text = text.trim_ascii();
        self.link.hub.observe(Direction::Sent, text);
        let body = Bytes::copy_from_slice(text.as_bytes());
        self.link
            .remote
            .send(Method::POST, endpoint, headers, body, None)
            .await
    }

    /// Notes that the session of `generation` has accepted a request, unless it has ended by now.
    pub(super) fn sse_accepted(&self, id: &Id, generation: u64) -> Result<(), Error> {
        // The owner of the stream changes its state first, and then fails what was accepted.
        self.link.hub.calls.accepted(id, generation);
        let is_open = self.stream.state() == Stream::Open(generation);
        if is_open || !self.link.hub.calls.is_pending(id) {
            return Ok(());
        }
        Err(self.link.broken("the stream ended".to_owned()))
    }
}
