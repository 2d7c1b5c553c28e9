//! HTTP+SSE (2024-11-05, "HTTP with SSE"): one stream for everything the server says, and an address
//! to post to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use url::Url;

use super::Transport;
use super::http::{EVENTS, JSON};
use crate::Error;
use crate::backoff::Backoff;
use crate::bridge::{Bridge, lock};
use crate::http::{Incoming, same_origin, shown, status_error};
use crate::message::{self, Id};
use crate::sse::Parser;

/// How long a stream may take to say where to post to.
const ENDPOINT_WITHIN: Duration = Duration::from_secs(30);

impl Bridge {
    /// Opens the stream, and finds out where to post to. The inner error says that the server does
    /// not have this transport.
    pub(super) async fn sse_connect(self: &Arc<Self>) -> Result<Result<Url, Error>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, EVENTS);
        let mut response = self
            .remote
            .send(Method::GET, self.remote.url(), headers, Bytes::new())
            .await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            return Ok(Err(status_error(response.url(), response.status(), &said)));
        }
        let media_type = response.media_type();
        if media_type != "text/event-stream" {
            return Ok(Err(self.wrong_type(&media_type)));
        }
        let mut parser = Parser::new(self.remote.limits());
        let first = async {
            loop {
                match self.next_event(&mut response, &mut parser).await? {
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
                    url: self.remote.shown(),
                    why: "its stream does not say where to send messages".to_owned(),
                }));
            }
        };
        let endpoint = self
            .remote
            .url()
            .join(&endpoint)
            .map_err(|_| Error::NotMcp {
                url: self.remote.shown(),
                why: "its stream names an address that cannot be read".to_owned(),
            })?;
        // Messages, and the token with them, go to the server that was asked for.
        if !same_origin(&endpoint, self.remote.url()) {
            return Err(Error::Redirected {
                from: self.remote.shown(),
                to: shown(&endpoint),
            });
        }
        self.spawn_read(response, parser);
        Ok(Ok(endpoint))
    }

    fn spawn_read(self: &Arc<Self>, mut response: Incoming, mut parser: Parser) {
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            let read = async {
                loop {
                    match bridge.next_event(&mut response, &mut parser).await? {
                        Some(event) if event.is_message() => {
                            bridge.deliver_body(event.data, None).await?;
                        }
                        Some(_) => {}
                        None => return Ok::<_, Error>("it ended".to_owned()),
                    }
                }
            };
            let ended = tokio::select! {
                ended = read => ended.unwrap_or_else(|error| error.to_string()),
                () = bridge.stop.cancelled() => return,
            };
            // The session ends with its stream, and so do its calls.
            bridge.fail_pending(&bridge.broken(ended)).await;
            bridge.sse_reopen().await;
        });
    }

    /// Opens stream and session again, for as long as it takes.
    async fn sse_reopen(self: &Arc<Self>) {
        let mut backoff = Backoff::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                () = self.stop.cancelled() => return,
            }
            match self.sse_reopen_once().await {
                Ok(()) => return,
                Err(error) => tracing::debug!(%error, "no new session yet"),
            }
        }
    }

    async fn sse_reopen_once(self: &Arc<Self>) -> Result<(), Error> {
        let endpoint = self.sse_connect().await??;
        let (params, replay, ready) = {
            let state = lock(&self.session.state);
            let replay: Vec<_> = state.replay.values().cloned().collect();
            (state.params.clone(), replay, state.initialized)
        };
        let params = params.unwrap_or_else(|| "{}".to_owned());
        let answer = self.sse_request(&endpoint, "initialize", &params).await?;
        self.result_of(&answer)?;
        if ready {
            let ready = message::notification("notifications/initialized", "{}");
            self.sse_post(&endpoint, None, &ready).await?;
            for (method, params) in replay {
                self.sse_request(&endpoint, &method, &params).await?;
            }
        }
        let mut state = lock(&self.session.state);
        state.transport = Some(Transport::Sse(endpoint));
        state.generation += 1;
        Ok(())
    }

    /// A request of our own.
    pub(super) async fn sse_request(
        self: &Arc<Self>,
        endpoint: &Url,
        method: &str,
        params: &str,
    ) -> Result<String, Error> {
        let id = self.our_id("own");
        let answer = self.expect(&id);
        let text = message::request(&id, method, params);
        self.sse_post(endpoint, None, &text).await?;
        let answer = tokio::time::timeout(ENDPOINT_WITHIN, answer).await;
        self.no_longer_expect(&id);
        let answer = answer
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| self.broken(format!("it did not answer {method}")))?;
        Ok(answer)
    }

    /// Posts a message. Its answer comes on the stream.
    pub(super) async fn sse_post(
        self: &Arc<Self>,
        endpoint: &Url,
        id: Option<&Id>,
        text: &str,
    ) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, JSON);
        let body = Bytes::copy_from_slice(text.trim_ascii().as_bytes());
        let mut response = self
            .remote
            .send(Method::POST, endpoint, headers, body)
            .await?;
        if response.status().is_success() {
            // Read to its end, which frees the connection.
            let said = response.unexpected_text().await;
            tracing::trace!(%said, "accepted");
            return Ok(());
        }
        let said = response.unexpected_text().await;
        self.refusal(id, &response, &said).await
    }
}
