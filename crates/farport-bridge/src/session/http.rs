//! Streamable HTTP with sessions (2025-03-26 to 2025-11-25, "Streamable HTTP").

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::Transport;
use crate::Error;
use crate::backoff::Backoff;
use crate::bridge::{Bridge, lock};
use crate::http::{Incoming, shown, status_error};
use crate::message::{self, Id, Kind, Peek};
use crate::spool::Body;
use crate::sse::{Event, Parser};

pub(crate) const BOTH: HeaderValue =
    HeaderValue::from_static("application/json, text/event-stream");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often a request is made again in a session opened anew.
const MOST_SESSIONS: usize = 2;
/// How often the stream of a call is asked for again without anything coming.
const MOST_RESUMES: usize = 8;
/// How long to wait before resuming where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
/// The longest that a server may have its client wait before resuming.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a stream whose work is done may take to end, so that its connection is used again.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How often a server that was there, and is not, is asked again with a message.
const MOST_CONNECTS: usize = 4;

impl Bridge {
    /// Takes a message of the client to the server; `id` where it is owed an answer.
    pub(crate) async fn session_request(
        self: &Arc<Self>,
        id: Option<&Id>,
        text: &str,
    ) -> Result<(), Error> {
        let transport = lock(&self.session.state).transport.clone();
        if let Some(Transport::Sse(endpoint)) = transport {
            self.sse_post(&endpoint, id, text).await?;
            self.remember(text);
            return Ok(());
        }
        let mut sessions = 0;
        let mut connects = 0;
        let mut backoff = Backoff::default();
        loop {
            let (generation, headers) = self.session_headers();
            let mut response = match self.post(headers, text).await {
                // Nothing was sent, so sending it again does nothing twice.
                Err(Error::Unreachable { .. }) if generation > 0 && connects < MOST_CONNECTS => {
                    connects += 1;
                    tokio::time::sleep(backoff.next()).await;
                    continue;
                }
                other => other?,
            };
            let status = response.status();
            if status.is_success() {
                self.receive(response, id).await?;
                self.remember(text);
                return Ok(());
            }
            let said = response.unexpected_text().await;
            if generation > 0 && session_is_gone(status, &said) && sessions < MOST_SESSIONS {
                sessions += 1;
                self.reopen(generation).await?;
                continue;
            }
            return self.refusal(id, &response, &said).await;
        }
    }

    /// The headers that a session's requests carry, and which opening of it that is.
    pub(super) fn session_headers(&self) -> (u64, HeaderMap) {
        let state = lock(&self.session.state);
        let mut headers = HeaderMap::new();
        if let Some(id) = &state.id {
            headers.insert(SESSION_ID, id.clone());
        }
        if let Some(version) = &state.version {
            headers.insert(PROTOCOL_VERSION, version.clone());
        }
        (state.generation, headers)
    }

    pub(crate) async fn post(&self, mut headers: HeaderMap, text: &str) -> Result<Incoming, Error> {
        headers.insert(header::ACCEPT, BOTH);
        headers.insert(header::CONTENT_TYPE, JSON);
        let body = Bytes::copy_from_slice(text.trim_ascii().as_bytes());
        self.remote
            .send(Method::POST, self.remote.url(), headers, body)
            .await
    }

    /// Reads what a request brought, until the answer is there.
    pub(super) async fn receive(
        self: &Arc<Self>,
        mut response: Incoming,
        id: Option<&Id>,
    ) -> Result<(), Error> {
        match &*response.media_type() {
            "text/event-stream" => self.follow(response, id).await,
            "application/json" => {
                let body = response.body(self.remote.limits()).await?;
                if matches!(&body, Body::Held(text) if text.trim_ascii().is_empty()) {
                    return Ok(());
                }
                self.deliver_body(body, id).await?;
                match id {
                    Some(id) if self.is_pending(id) => Err(Error::NotMcp {
                        url: self.remote.shown(),
                        why: "its answer is to something else".to_owned(),
                    }),
                    _ => Ok(()),
                }
            }
            // Accepted; an answer comes on the session's own stream.
            _ if matches!(
                response.status(),
                StatusCode::ACCEPTED | StatusCode::NO_CONTENT
            ) =>
            {
                Ok(())
            }
            _ if id.is_none() => Ok(()),
            other => Err(self.wrong_type(other)),
        }
    }

    pub(crate) fn wrong_type(&self, media_type: &str) -> Error {
        Error::NotMcp {
            url: self.remote.shown(),
            why: if media_type.is_empty() {
                "its answer has no type".to_owned()
            } else {
                format!("its answer is of the type {media_type}")
            },
        }
    }

    /// Reads a call's stream, and resumes it when it breaks.
    async fn follow(
        self: &Arc<Self>,
        mut response: Incoming,
        id: Option<&Id>,
    ) -> Result<(), Error> {
        let mut parser = Parser::new(self.remote.limits());
        let mut last_event = None;
        let mut retry = RESUME_AFTER;
        let mut resumes = 0;
        let mut backoff = Backoff::default();
        loop {
            let ended = loop {
                match self.next_event(&mut response, &mut parser).await {
                    Ok(Some(mut event)) => {
                        if let Some(id) = event.id.take() {
                            last_event = Some(id).filter(|id| !id.is_empty());
                        }
                        retry = event.retry.unwrap_or(retry).min(LONGEST_RETRY);
                        if event.is_message() {
                            resumes = 0;
                            backoff.reset();
                            self.deliver_body(event.data, id).await?;
                        }
                        if id.is_some_and(|id| !self.is_pending(id)) {
                            // Its end frees the connection for the next request.
                            let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
                            let _ = tokio::time::timeout(LAST_WORDS, rest).await;
                            return Ok(());
                        }
                    }
                    Ok(None) => break "it ended".to_owned(),
                    Err(
                        error @ (Error::TooLarge { .. }
                        | Error::NotMcp { .. }
                        | Error::Temporary { .. }),
                    ) => return Err(error),
                    Err(error) => break error.to_string(),
                }
            };
            let (Some(_), Some(event)) = (id, &last_event) else {
                return match id {
                    None => Ok(()),
                    Some(_) => Err(self.broken(ended)),
                };
            };
            response = loop {
                if resumes >= MOST_RESUMES {
                    return Err(self.broken(format!("{ended}, and could not be resumed")));
                }
                let wait = if resumes == 0 {
                    retry
                } else {
                    retry.max(backoff.next())
                };
                tokio::time::sleep(wait).await;
                resumes += 1;
                match self.get_stream(Some(event)).await {
                    Ok(mut response) if !response.status().is_success() => {
                        let said = response.unexpected_text().await;
                        return Err(status_error(response.url(), response.status(), &said));
                    }
                    Ok(response) => break response,
                    Err(
                        Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. },
                    ) => {}
                    Err(error) => return Err(error),
                }
            };
            parser = Parser::new(self.remote.limits());
        }
    }

    pub(crate) fn broken(&self, why: String) -> Error {
        Error::Broken {
            url: self.remote.shown(),
            why,
        }
    }

    /// The next event of a stream; `None` at its end.
    pub(crate) async fn next_event(
        &self,
        response: &mut Incoming,
        parser: &mut Parser,
    ) -> Result<Option<Event>, Error> {
        loop {
            let event = parser
                .next()
                .map_err(|fault| Error::of_message(shown(response.url()), fault))?;
            if event.is_some() {
                return Ok(event);
            }
            match response.chunk().await? {
                Some(chunk) => parser.push(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Asks for a stream of the session, from an event on.
    pub(super) async fn get_stream(&self, after: Option<&String>) -> Result<Incoming, Error> {
        let (_, mut headers) = self.session_headers();
        headers.insert(header::ACCEPT, EVENTS);
        if let Some(event) = after.and_then(|event| HeaderValue::from_str(event).ok()) {
            headers.insert(LAST_EVENT_ID, event);
        }
        self.remote
            .send(Method::GET, self.remote.url(), headers, Bytes::new())
            .await
    }

    /// What the client is told of a status that is no success: the server's own words, where it has
    /// put them as JSON-RPC.
    pub(crate) async fn refusal(
        self: &Arc<Self>,
        id: Option<&Id>,
        response: &Incoming,
        said: &str,
    ) -> Result<(), Error> {
        let error = status_error(response.url(), response.status(), said);
        let peek = Peek::at(said).filter(|peek| matches!(peek.kind, Kind::Response(_)));
        match (id, peek.and_then(|peek| peek.error)) {
            (Some(id), Some(told)) => {
                let (id, told) = (id.json(), told.get());
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{told}}}"#);
                self.deliver(&text, None).await
            }
            _ => Err(error),
        }
    }

    /// Keeps what a request has set in the session.
    fn remember(&self, text: &str) {
        if let Some(peek) = Peek::at(text)
            && peek.kind.is_request()
        {
            let params = peek.params.map_or("{}", |params| params.get());
            lock(&self.session.state).remember(&peek.method, params);
        }
    }

    /// A request of our own to the server, and its response.
    pub(super) async fn request_of_ours(
        self: &Arc<Self>,
        headers: HeaderMap,
        method: &str,
        params: &str,
    ) -> Result<(HeaderMap, String), Error> {
        let id = self.our_id("own");
        let answer = self.expect(&id);
        let text = message::request(&id, method, params);
        let asked = async {
            let mut response = self.post(headers, &text).await?;
            let answered = response.headers().clone();
            if !response.status().is_success() {
                let said = response.unexpected_text().await;
                return Err(status_error(response.url(), response.status(), &said));
            }
            self.receive(response, Some(&id)).await?;
            Ok(answered)
        };
        let asked = asked.await;
        self.no_longer_expect(&id);
        let headers = asked?;
        let answer = answer.await.map_err(|_| Error::NotMcp {
            url: self.remote.shown(),
            why: format!("it did not answer {method}"),
        })?;
        Ok((headers, answer))
    }
}

/// Whether a session is no longer known to the server.
fn session_is_gone(status: StatusCode, said: &str) -> bool {
    match status {
        StatusCode::NOT_FOUND => true,
        // What the reference SDK's own example does, and many servers after it.
        StatusCode::BAD_REQUEST => {
            let said = said.to_ascii_lowercase();
            [
                "no valid session",
                "session not found",
                "invalid session",
                "session id",
            ]
            .iter()
            .any(|words| said.contains(words))
        }
        _ => false,
    }
}
