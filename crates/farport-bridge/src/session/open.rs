//! Opening a session: over which transport, and again when it is gone.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::Transport;
use super::http::SESSION_ID;
use crate::Error;
use crate::bridge::{Bridge, lock};
use crate::http::status_error;
use crate::message::{self, Id, Kind, Peek};
use crate::options::TransportOrder;

/// What opening a session over one transport came to.
enum Opened {
    /// The client has its answer.
    Answered,
    /// The server does not have this transport.
    NotHere(Error),
}

/// The part of an `initialize` result that headers repeat.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    #[serde(default)]
    protocol_version: String,
}

impl Bridge {
    /// Opens the session that the client asks for with `initialize`.
    pub(crate) async fn open(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        {
            let mut state = lock(&self.session.state);
            let generation = state.generation;
            *state = super::State {
                params: peek.params.map(|params| params.get().to_owned()),
                generation,
                ..super::State::default()
            };
        }
        let (http_first, both) = match self.options.transport {
            TransportOrder::HttpFirst => (true, true),
            TransportOrder::SseFirst => (false, true),
            TransportOrder::HttpOnly => (true, false),
            TransportOrder::SseOnly => (false, false),
        };
        let mut first = None;
        for over_http in [http_first, !http_first]
            .into_iter()
            .take(1 + usize::from(both))
        {
            let opened = if over_http {
                self.open_http(id, text, peek).await
            } else {
                self.open_sse(id, text).await
            };
            match (opened, first.take()) {
                (Ok(Opened::Answered), _) => return Ok(()),
                (Ok(Opened::NotHere(error)), None) => first = Some(error),
                // The first transport's answer says more than the fallback's.
                (Ok(Opened::NotHere(_)), Some(error)) => return Err(error),
                (Err(Error::Status { .. } | Error::NotMcp { .. }), Some(error)) => {
                    return Err(error);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Err(first.unwrap_or(Error::Stopped))
    }

    async fn open_http(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<Opened, Error> {
        let mut response = self.post(HeaderMap::new(), text).await?;
        let status = response.status();
        if !status.is_success() {
            let said = response.unexpected_text().await;
            let told = Peek::at(&said).is_some_and(|peek| matches!(peek.kind, Kind::Response(_)));
            if told && self.open_upwards(id, peek).await? {
                return Ok(Opened::Answered);
            }
            let elsewhere = matches!(
                status,
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST
            );
            if elsewhere && !told {
                let error = status_error(response.url(), status, &said);
                return Ok(Opened::NotHere(error));
            }
            self.refusal(Some(id), &response, &said).await?;
            return Ok(Opened::Answered);
        }
        let headers = response.headers().clone();
        // The answer is taken here first, so that the session is known before the client
        // hears of it and goes on.
        let answer = self.expect(id);
        let held = self.hold(id);
        let received = self.receive(response, Some(id)).await;
        self.no_longer_expect(id);
        self.release(id, held);
        received?;
        let answer = answer.await.map_err(|_| Error::NotMcp {
            url: self.remote.shown(),
            why: "it did not answer initialize".to_owned(),
        })?;
        let Some(answered) = Peek::at(&answer) else {
            return Err(Error::Stopped);
        };
        if answered.result.is_none() && self.open_upwards(id, peek).await? {
            return Ok(Opened::Answered);
        }
        if let Some(result) = answered.result {
            self.opened(Transport::Http, &headers, result.get());
        }
        self.deliver(&answer, None).await?;
        Ok(Opened::Answered)
    }

    async fn open_sse(self: &Arc<Self>, id: &Id, text: &str) -> Result<Opened, Error> {
        match self.sse_connect().await? {
            Err(error) => Ok(Opened::NotHere(error)),
            Ok(endpoint) => {
                {
                    let mut state = lock(&self.session.state);
                    state.transport = Some(Transport::Sse(endpoint.clone()));
                    state.generation += 1;
                }
                self.sse_post(&endpoint, Some(id), text).await?;
                Ok(Opened::Answered)
            }
        }
    }

    /// Opens a session on behalf of a client that knows none. What the server says of itself.
    pub(crate) async fn open_for(self: &Arc<Self>, params: &str) -> Result<String, Error> {
        lock(&self.session.state).params = Some(params.to_owned());
        let over_sse = matches!(
            self.options.transport,
            TransportOrder::SseFirst | TransportOrder::SseOnly
        );
        if !over_sse {
            let asked = self
                .request_of_ours(HeaderMap::new(), "initialize", params)
                .await;
            let fall_back = matches!(
                asked,
                Err(Error::Status {
                    status: 400 | 404 | 405,
                    ..
                })
            ) && self.options.transport == TransportOrder::HttpFirst;
            if !fall_back {
                let (headers, answer) = asked?;
                let result = self.result_of(&answer)?;
                self.opened(Transport::Http, &headers, &result);
                return Ok(result);
            }
        }
        let endpoint = self.sse_connect().await??;
        let answer = self.sse_request(&endpoint, "initialize", params).await?;
        let mut state = lock(&self.session.state);
        state.transport = Some(Transport::Sse(endpoint));
        state.generation += 1;
        drop(state);
        self.result_of(&answer)
    }

    /// The result of a response; its error as ours.
    pub(super) fn result_of(&self, answer: &str) -> Result<String, Error> {
        let peek = Peek::at(answer);
        let error = peek.as_ref().and_then(|peek| peek.error);
        match peek.as_ref().and_then(|peek| peek.result) {
            Some(result) => Ok(result.get().to_owned()),
            None => Err(Error::Refused {
                url: self.remote.shown(),
                why: error.map(message::error_text).unwrap_or_default(),
            }),
        }
    }

    /// Takes note of an open session.
    fn opened(&self, transport: Transport, headers: &HeaderMap, result: &str) {
        let told: Initialized = serde_json::from_str(result).unwrap_or_default();
        let mut state = lock(&self.session.state);
        state.transport = Some(transport);
        state.id = headers.get(SESSION_ID).map(|id| {
            let mut id = id.clone();
            id.set_sensitive(true);
            id
        });
        // 2025-03-26 does not have the header; servers of it pass over what they do not know.
        state.version = HeaderValue::from_str(&told.protocol_version)
            .ok()
            .filter(|version| !version.is_empty());
        state.generation += 1;
    }

    /// The client is ready: so is the session from now on.
    pub(crate) async fn initialized(self: &Arc<Self>, text: &str) {
        let generation = {
            let mut state = lock(&self.session.state);
            state.initialized = true;
            state.generation
        };
        if let Err(error) = self.session_request(None, text).await {
            self.report(&error);
        }
        let over_http = matches!(lock(&self.session.state).transport, Some(Transport::Http));
        if over_http {
            self.spawn_listen(generation);
        }
    }

    /// Opens a session again that is gone, unless somebody did so since `generation`.
    pub(crate) async fn reopen(self: &Arc<Self>, generation: u64) -> Result<(), Error> {
        let _one = self.session.reopening.lock().await;
        let (params, replay, ready) = {
            let mut state = lock(&self.session.state);
            if state.generation != generation {
                return Ok(());
            }
            state.id = None;
            state.version = None;
            let replay: Vec<_> = state.replay.values().cloned().collect();
            (state.params.clone(), replay, state.initialized)
        };
        tracing::info!("the session is gone: opening another one");
        let params = params.unwrap_or_else(|| "{}".to_owned());
        let (headers, answer) = self
            .request_of_ours(HeaderMap::new(), "initialize", &params)
            .await?;
        let result = self.result_of(&answer)?;
        self.opened(Transport::Http, &headers, &result);
        if !ready {
            return Ok(());
        }
        let (generation, headers) = self.session_headers();
        let ready = message::notification("notifications/initialized", "{}");
        let mut response = self.post(headers.clone(), &ready).await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            return Err(status_error(response.url(), response.status(), &said));
        }
        for (method, params) in replay {
            if let Err(error) = self
                .request_of_ours(headers.clone(), &method, &params)
                .await
            {
                tracing::warn!(%error, %method, "could not be set in the new session");
            }
        }
        self.spawn_listen(generation);
        Ok(())
    }

    /// Takes leave of the server.
    pub(crate) async fn end_session(&self) {
        let (_, headers) = self.session_headers();
        if !headers.contains_key(SESSION_ID) {
            return;
        }
        let ended = self
            .remote
            .send(
                Method::DELETE,
                self.remote.url(),
                headers,
                bytes::Bytes::new(),
            )
            .await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the session could not be ended");
        }
    }
}
