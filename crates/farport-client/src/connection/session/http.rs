//! Streamable HTTP with sessions (2025-03-26 to 2025-11-25, "Streamable HTTP"), and what it shares with
//! HTTP+SSE.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::open::{PATIENCE, REOPENED_WITHIN, SESSION_ID};
use super::{Session, Stream, Transport, is_transient, may_be_gone};
use crate::Error;
use crate::backoff::Backoff;
use crate::connection::exchange::PROTOCOL_VERSION;
use crate::connection::link::lock;
use crate::http::{Incoming, within};
use crate::message::{self, Id};
use crate::spool::Body;
use crate::sse::Parser;

/// How many attempts to resume a call's stream may fail in a row, and how many times a server may have
/// the client poll without a message before the waits grow.
const MOST_RESUMES: usize = 8;
/// How long to wait before resuming where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
/// The shortest wait that a server can ask for before resuming, without growing waits.
const SHORTEST_POLL: Duration = Duration::from_millis(400);
/// The longest wait that a server can ask for before resuming.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a stream whose work is done may take to end, so that its connection is used again.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How often a message is sent again to a server that cannot be reached any more.
const MOST_CONNECTS: usize = 4;

/// How long the response to a request of the connection's own may take.
const OURS_WITHIN: Duration = Duration::from_secs(30);
/// How long the body of a response to a notification is read.
const ABSORBED_WITHIN: Duration = Duration::from_secs(30);

/// The session that a message goes to.
struct At {
    generation: u64,
    headers: HeaderMap,
    /// Where to post to, over HTTP+SSE.
    endpoint: Option<Url>,
}

impl At {
    /// Whether the message names a session.
    fn names_session(&self) -> bool {
        self.generation > 0 && (self.endpoint.is_some() || self.headers.contains_key(SESSION_ID))
    }
}

impl Session {
    /// Takes a message to the server; `id` is that of a request.
    pub(crate) async fn request(
        self: &Arc<Self>,
        id: Option<&Id>,
        text: &str,
    ) -> Result<(), Error> {
        let progress = id.and_then(|id| self.link.hub.calls.progress_of(id));
        let mut reopened = false;
        let mut connects = 0;
        let mut backoff = Backoff::default();
        loop {
            let at = self.at_session().await?;
            let sent = match &at.endpoint {
                Some(endpoint) => {
                    if let Some(id) = id {
                        // The response may be there before the server's 202 is.
                        self.link.hub.calls.expect_on_stream(id);
                    }
                    self.sse_post(endpoint, text).await
                }
                None => {
                    self.link
                        .post_with_progress(at.headers.clone(), text, progress.as_ref())
                        .await
                }
            };
            let mut response = match sent {
                // Nothing was sent, so sending it again does nothing twice.
                Err(Error::Unreachable { .. }) if at.generation > 0 && connects < MOST_CONNECTS => {
                    connects += 1;
                    tokio::time::sleep(backoff.failed(Instant::now())).await;
                    continue;
                }
                other => other?,
            };
            let status = response.status();
            if status.is_success() {
                if reopened {
                    self.reopening_helped();
                }
                match id {
                    None => self.absorb(response),
                    Some(id) if at.endpoint.is_some() => {
                        self.absorb(response);
                        self.sse_accepted(id, at.generation)?;
                    }
                    Some(id) => self.receive(response, id, &at.headers).await?,
                }
                if let Some(id) = id.filter(|_| at.endpoint.is_some()) {
                    // The response comes on the stream, or the session ends and fails the request.
                    self.link.hub.calls.answered(id).await;
                }
                return Ok(());
            }
            let said = response.unexpected_text().await;
            if may_be_gone(status) && at.names_session() && !reopened {
                // With 400 the request itself may be wrong, and its response is not held back.
                let patience = if status == StatusCode::BAD_REQUEST {
                    Duration::ZERO
                } else {
                    PATIENCE
                };
                match self.reopen(at.generation, patience).await {
                    Ok(true) => {
                        reopened = true;
                        continue;
                    }
                    Ok(false) => {}
                    Err(error) if status == StatusCode::BAD_REQUEST => {
                        tracing::debug!(%error, "no new session");
                    }
                    Err(error) => return Err(error),
                }
            }
            return self.link.refusal(id, &response, &said).await;
        }
    }

    /// The session, once it is open: one over HTTP+SSE may be being opened again.
    async fn at_session(&self) -> Result<At, Error> {
        let over_sse = matches!(lock(&self.state).transport, Some(Transport::Sse(_)));
        if over_sse {
            self.wanted.notify_one();
            let mut stream = self.stream.subscribe();
            let open = stream.wait_for(|stream| *stream != Stream::Opening);
            if tokio::time::timeout(REOPENED_WITHIN, open).await.is_err() {
                return Err(self.link.broken("farport is opening it again".to_owned()));
            }
        }
        let endpoint = match &lock(&self.state).transport {
            Some(Transport::Sse(endpoint)) => Some(endpoint.clone()),
            _ => None,
        };
        let (generation, headers) = self.session_headers();
        Ok(At {
            generation,
            headers,
            endpoint,
        })
    }

    /// The headers that a session's requests carry, and which opening of it that is.
    pub(super) fn session_headers(&self) -> (u64, HeaderMap) {
        let state = lock(&self.state);
        let mut headers = HeaderMap::new();
        if let Some(id) = &state.id {
            headers.insert(SESSION_ID, id.clone());
        }
        if let Some(version) = &state.version {
            headers.insert(PROTOCOL_VERSION, version.clone());
        }
        (state.generation, headers)
    }

    /// Reads the response to a request, wherever it comes. `headers` are those of the request.
    pub(super) async fn receive(
        self: &Arc<Self>,
        mut response: Incoming,
        id: &Id,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        match &*response.media_type() {
            "text/event-stream" => return self.follow(response, id, headers).await,
            "application/json" => {
                let body = response.body(self.link.remote.limits()).await?;
                if !matches!(&body, Body::Held(text) if text.trim_ascii().is_empty()) {
                    self.link.hub.deliver_body(body, Some(id)).await?;
                    return if self.link.hub.calls.is_pending(id) {
                        Err(Error::NotMcp {
                            url: self.link.remote.shown(),
                            why: "its response does not have the id of the request".to_owned(),
                        })
                    } else {
                        Ok(())
                    };
                }
            }
            other => {
                let accepted = matches!(
                    response.status(),
                    StatusCode::ACCEPTED | StatusCode::NO_CONTENT
                );
                if !accepted {
                    let said = response.unexpected_text().await;
                    if !(other.is_empty() && said.trim().is_empty()) {
                        return Err(self.link.wrong_type(other));
                    }
                }
            }
        }
        self.await_on_stream(id).await
    }

    /// Reads a call's stream, and resumes it when it breaks. The call waits for as long as its
    /// connection shows signs of life.
    async fn follow(
        self: &Arc<Self>,
        mut response: Incoming,
        id: &Id,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let limit = self.link.remote.timeouts().body;
        let mut parser = Parser::new(self.link.remote.limits());
        let mut last_event = None;
        let mut retry = None;
        let mut failures = 0;
        // Resumptions since the last message.
        let mut resumes = 0;
        let mut backoff = Backoff::default();
        let mut alive_at = Instant::now();
        loop {
            backoff.succeeded(Instant::now());
            let ended = loop {
                match self.link.next_event(&mut response, &mut parser).await {
                    Ok(Some(mut event)) => {
                        alive_at = Instant::now();
                        failures = 0;
                        if let Some(id) = event.id.take() {
                            last_event = Some(id).filter(|id| !id.is_empty());
                        }
                        retry = event.retry.map(|retry| retry.min(LONGEST_RETRY)).or(retry);
                        if event.is_message() {
                            resumes = 0;
                            self.link.hub.deliver_body(event.data, Some(id)).await?;
                        }
                        if !self.link.hub.calls.is_pending(id) {
                            // Its end frees the connection for the next request.
                            let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
                            let _ = tokio::time::timeout(LAST_WORDS, rest).await;
                            return Ok(());
                        }
                    }
                    Ok(None) => break "the stream ended without a response".to_owned(),
                    Err(
                        error @ (Error::TooLarge { .. }
                        | Error::NotMcp { .. }
                        | Error::Temporary { .. }),
                    ) => return Err(error),
                    Err(error) => break error.to_string(),
                }
            };
            let Some(event) = &last_event else {
                return Err(self.link.broken(ended));
            };
            let mut wait = retry.unwrap_or(RESUME_AFTER);
            // A server may close its streams early and have the client poll, at its own pace.
            let mut polls =
                retry.is_some_and(|retry| retry >= SHORTEST_POLL) && resumes < MOST_RESUMES;
            resumes += 1;
            response = loop {
                let silent = !limit.is_zero() && alive_at.elapsed() > limit;
                if failures >= MOST_RESUMES || silent {
                    return Err(self
                        .link
                        .broken(format!("{ended}, and farport could not resume it")));
                }
                if !std::mem::take(&mut polls) {
                    wait = wait.max(backoff.failed(Instant::now()));
                }
                tokio::time::sleep(wait).await;
                if !self.link.hub.calls.is_pending(id) {
                    return Ok(());
                }
                failures += 1;
                match self.link.get_stream(headers.clone(), Some(event)).await {
                    Ok(response) if is_transient(response.status()) => {
                        wait = response.retry_after().unwrap_or_default();
                    }
                    Ok(response) if !response.status().is_success() => {
                        let error = response.into_error().await;
                        return Err(self
                            .link
                            .broken(format!("{ended}, and farport could not resume it: {error}")));
                    }
                    Ok(response) => break response,
                    Err(
                        Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. },
                    ) => wait = Duration::ZERO,
                    Err(error) => return Err(error),
                }
            };
            failures = 0;
            parser = Parser::new(self.link.remote.limits());
        }
    }

    /// Keeps what a request has set in the session.
    pub(crate) fn remember(&self, method: &str, params: Option<&str>) {
        lock(&self.state).remember(method, params.unwrap_or("{}"));
    }

    /// A request of our own to the server, and its response.
    pub(super) async fn request_of_ours(
        self: &Arc<Self>,
        headers: HeaderMap,
        method: &str,
        params: &str,
    ) -> Result<(HeaderMap, String), Error> {
        let id = self.link.our_id("own");
        let expected = self.link.hub.calls.expect(&id);
        let text = message::request(&id, method, params);
        let response = self.link.post(headers.clone(), &text).await?;
        let answered = response.headers().clone();
        if !response.status().is_success() {
            return Err(response.into_error().await);
        }
        self.receive(response, &id, &headers).await?;
        let answer = expected.received().ok_or_else(|| Error::NotMcp {
            url: self.link.remote.shown(),
            why: format!("it did not answer {method}"),
        })?;
        Ok((answered, answer))
    }

    /// Waits for the response to a request that the server has accepted with an empty body. It can
    /// only come on the session's own stream.
    pub(super) async fn await_on_stream(&self, id: &Id) -> Result<(), Error> {
        let generation = lock(&self.state).generation;
        self.link.hub.calls.accepted(id, generation);
        let mut stream = self.stream.subscribe();
        let progress = self.link.hub.calls.progress_of(id);
        let mut limit = self.link.remote.timeouts().headers;
        if progress.is_none() {
            // It is the connection's own, and others may wait for it.
            limit = OURS_WITHIN;
        }
        let answered = within(limit, progress.as_deref(), self.link.hub.calls.answered(id));
        let no_stream = async {
            // The sender lives as long as the session.
            let _ = stream.wait_for(|stream| *stream == Stream::None).await;
        };
        let why = tokio::select! {
            biased;
            answered = answered => match answered {
                Some(()) => return Ok(()),
                None => format!(
                    "none arrived on the session's stream within {} s (--headers-timeout)",
                    limit.as_secs()
                ),
            },
            () = no_stream => "the server has no open stream for it".to_owned(),
        };
        if !self.link.hub.calls.is_pending(id) {
            return Ok(());
        }
        Err(Error::NoResponse {
            url: self.link.remote.shown(),
            why,
        })
    }

    /// Reads what came in response to a notification in the background: nothing waits for it.
    pub(super) fn absorb(self: &Arc<Self>, mut response: Incoming) {
        // Without a permit the response is dropped, and its connection closes.
        let Ok(permit) = Arc::clone(&self.absorbing).try_acquire_owned() else {
            return;
        };
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let read = async {
                match &*response.media_type() {
                    "text/event-stream" => {
                        let mut parser = Parser::new(session.link.remote.limits());
                        while let Some(event) =
                            session.link.next_event(&mut response, &mut parser).await?
                        {
                            if event.is_message() {
                                session.link.hub.deliver_body(event.data, None).await?;
                            }
                        }
                    }
                    "application/json" => {
                        let body = response.body(session.link.remote.limits()).await?;
                        if !body.held().trim_ascii().is_empty() {
                            session.link.hub.deliver_body(body, None).await?;
                        }
                    }
                    _ => {
                        let said = response.unexpected_text().await;
                        tracing::trace!(%said, "accepted");
                    }
                }
                Ok::<_, Error>(())
            };
            tokio::select! {
                read = tokio::time::timeout(ABSORBED_WITHIN, read) => {
                    if let Ok(Err(error)) = read {
                        tracing::debug!(%error, "the response to a notification");
                    }
                }
                () = session.link.stop.cancelled() => {}
            }
            drop(permit);
        });
    }
}
