//! Opens a session: chooses the transport, and opens it again when the server no longer knows it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use super::{OwnStream, Session, Stream, Transport};
use crate::Error;
use crate::connection::link::{Link, lock};
use crate::http::Incoming;
use crate::message::{self, Id, Kind, Peek};
use crate::options::TransportOrder;

/// The most responses to notifications that are read at a time.
const MOST_ABSORBED: usize = 16;

/// How long later messages wait for the server to accept `notifications/initialized`.
const INITIALIZED_WITHIN: Duration = Duration::from_secs(3);

/// The header with the id of the session.
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// How long a request waits for its turn to open the session again. When the turn is further away, the
/// request gets the server's response.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a request waits for an HTTP+SSE session that is being opened again.
pub(super) const REOPENED_WITHIN: Duration = Duration::from_secs(30);

/// What the server did with `initialize`.
pub(crate) enum Handshake {
    /// It answered with this response, which is not delivered yet.
    Answered(String),
    /// It answered with a JSON-RPC error and this status.
    Refused {
        /// The HTTP response.
        response: Box<Incoming>,
        /// Its body.
        said: String,
    },
}

/// What opening a session over one transport came to.
enum Opened {
    /// The server has the transport.
    Here(Handshake),
    /// The server does not have the transport.
    NotHere(Error),
}

/// The part of an `initialize` result that headers repeat.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    #[serde(default)]
    protocol_version: String,
}

impl Session {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            state: Mutex::default(),
            reopening: tokio::sync::Mutex::default(),
            reopens: Mutex::default(),
            stream: OwnStream::default(),
            lost: watch::Sender::new(0),
            wanted: Notify::new(),
            absorbing: Arc::new(Semaphore::new(MOST_ABSORBED)),
        }
    }

    /// Opens the session that the caller requests with `initialize`.
    pub(crate) async fn open(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        params: Option<&str>,
    ) -> Result<Handshake, Error> {
        // A client that initializes again leaves the previous session.
        self.stream.take(Stream::None);
        {
            let mut state = lock(&self.state);
            let generation = state.generation;
            *state = super::State {
                params: params.map(str::to_owned),
                generation,
                ..super::State::default()
            };
        }
        let (http_first, both) = match self.link.transport {
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
                self.open_http(id, text).await
            } else {
                self.open_sse(id, text).await
            };
            match (opened, first.take()) {
                (Ok(Opened::Here(handshake)), _) => return Ok(handshake),
                (Ok(Opened::NotHere(error)), None) => first = Some(error),
                // The error of the first transport is more useful than the fallback's.
                (Ok(Opened::NotHere(_)), Some(error)) => return Err(error),
                (Err(Error::Status { .. } | Error::NotMcp { .. }), Some(error)) => {
                    return Err(error);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Err(first.unwrap_or(Error::Stopped))
    }

    async fn open_http(self: &Arc<Self>, id: &Id, text: &str) -> Result<Opened, Error> {
        let mut response = self.link.post(HeaderMap::new(), text).await?;
        let status = response.status();
        if !status.is_success() {
            let said = response.unexpected_text().await;
            let is_json_rpc =
                Peek::at(&said).is_some_and(|peek| matches!(peek.kind, Kind::Response(_)));
            let elsewhere = matches!(
                status,
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST
            );
            return Ok(if elsewhere && !is_json_rpc {
                Opened::NotHere(response.status_error(&said))
            } else {
                {
                    let response = Box::new(response);
                    Opened::Here(Handshake::Refused { response, said })
                }
            });
        }
        let headers = response.headers().clone();
        // The session is known before the caller receives the response and continues.
        let mut captured = self.link.hub.calls.capture(id);
        self.receive(response, id, &HeaderMap::new()).await?;
        let answer = captured.received().ok_or_else(|| Error::NotMcp {
            url: self.link.remote.shown(),
            why: "it did not answer initialize".to_owned(),
        })?;
        drop(captured);
        let result = Peek::at(&answer).and_then(|peek| peek.result);
        if let Some(result) = result {
            self.opened(Transport::Http, &headers, result);
        }
        Ok(Opened::Here(Handshake::Answered(answer)))
    }

    async fn open_sse(self: &Arc<Self>, id: &Id, text: &str) -> Result<Opened, Error> {
        // As over HTTP, the session is known before the caller receives the response.
        let captured = self.link.hub.calls.capture(id);
        let opened = self.sse_open(id, text, captured).await?;
        Ok(match opened {
            Err(error) => Opened::NotHere(error),
            Ok(answer) => Opened::Here(Handshake::Answered(answer)),
        })
    }

    /// Opens a session with these parameters, and returns the result of `initialize`.
    pub(crate) async fn open_for(self: &Arc<Self>, params: &str) -> Result<String, Error> {
        lock(&self.state).params = Some(params.to_owned());
        let over_sse = matches!(
            self.link.transport,
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
            ) && self.link.transport == TransportOrder::HttpFirst;
            if !fall_back {
                let (headers, answer) = asked?;
                let result = self.result_of(&answer)?;
                self.opened(Transport::Http, &headers, &result);
                return Ok(result);
            }
        }
        let id = self.link.our_id("own");
        let text = message::request(&id, "initialize", params);
        let answer = self.link.hub.calls.capture(&id);
        let answer = self.sse_open(&id, &text, answer).await??;
        self.result_of(&answer)
    }

    /// The result of a response; its error as ours.
    pub(super) fn result_of(&self, answer: &str) -> Result<String, Error> {
        let peek = Peek::at(answer);
        let error = peek.as_ref().and_then(|peek| peek.error);
        match peek.as_ref().and_then(|peek| peek.result) {
            Some(result) => Ok(result.to_owned()),
            None => Err(Error::Refused {
                url: self.link.remote.shown(),
                why: error.map(message::error_text).unwrap_or_default(),
            }),
        }
    }

    /// Notes that a session is open.
    pub(super) fn opened(&self, transport: Transport, headers: &HeaderMap, result: &str) {
        let initialized: Initialized = serde_json::from_str(result).unwrap_or_default();
        let mut state = lock(&self.state);
        state.transport = Some(transport);
        state.id = headers.get(SESSION_ID).map(|id| {
            let mut id = id.clone();
            id.set_sensitive(true);
            id
        });
        // 2025-03-26 does not have the header; its servers ignore it.
        state.version = HeaderValue::from_str(&initialized.protocol_version)
            .ok()
            .filter(|version| !version.is_empty());
        state.generation += 1;
    }

    /// Sends `notifications/initialized`, and then listens to the session's stream.
    pub(crate) async fn initialized(self: &Arc<Self>, text: &str) {
        let generation = {
            let mut state = lock(&self.state);
            state.initialized = true;
            state.generation
        };
        let session = Arc::clone(self);
        let text = text.to_owned();
        let sent = tokio::spawn(async move {
            let sent = tokio::select! {
                sent = session.request(None, &text) => sent,
                () = session.link.stop.cancelled() => return,
            };
            if let Err(error) = sent {
                session.link.hub.report(&error);
            }
            let listens = {
                let state = lock(&session.state);
                // A session that was opened again has its stream already.
                matches!(state.transport, Some(Transport::Http)) && state.generation == generation
            };
            if listens {
                session.spawn_listen();
            }
        });
        // What comes after it relies on the server having seen it.
        if tokio::time::timeout(INITIALIZED_WITHIN, sent)
            .await
            .is_err()
        {
            tracing::debug!("the server has not accepted notifications/initialized yet");
        }
    }

    /// Closes the session at the server.
    pub(crate) async fn close(&self) {
        let (_, headers) = self.session_headers();
        if !headers.contains_key(SESSION_ID) {
            return;
        }
        let ended = self
            .link
            .remote
            .send(
                Method::DELETE,
                self.link.remote.url(),
                headers,
                bytes::Bytes::new(),
                None,
            )
            .await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the session could not be ended");
        }
    }

    /// Opens a session again that the server no longer knows, unless that happened since `generation`.
    /// Returns `false` when the next attempt is more than `patience` away.
    pub(crate) async fn reopen(
        self: &Arc<Self>,
        generation: u64,
        patience: Duration,
    ) -> Result<bool, Error> {
        let _one = self.reopening.lock().await;
        if lock(&self.state).generation != generation {
            return Ok(true);
        }
        let wait = lock(&self.reopens).remaining(Instant::now());
        if wait > patience {
            return Ok(false);
        }
        tokio::time::sleep(wait).await;
        if lock(&self.state).generation != generation {
            return Ok(true);
        }
        // It counts as failed until a request has succeeded in the new session.
        lock(&self.reopens).failed(Instant::now());
        tracing::info!("the server no longer knows the session: opening another one");
        let transport = lock(&self.state).transport.clone();
        match transport {
            Some(Transport::Sse(_)) => self.reopen_sse(generation).await?,
            _ => self.reopen_http().await?,
        }
        Ok(true)
    }

    /// Notes that a request has succeeded in a session opened again.
    pub(super) fn reopening_helped(&self) {
        lock(&self.reopens).succeeded(Instant::now());
    }

    async fn reopen_http(self: &Arc<Self>) -> Result<(), Error> {
        let (params, replay, ready) = {
            let state = lock(&self.state);
            let replay: Vec<_> = state.replay.values().cloned().collect();
            (state.params.clone(), replay, state.initialized)
        };
        let params = params.unwrap_or_else(|| "{}".to_owned());
        let (headers, answer) = self
            .request_of_ours(HeaderMap::new(), "initialize", &params)
            .await?;
        let result = self.result_of(&answer)?;
        self.opened(Transport::Http, &headers, &result);
        if !ready {
            return Ok(());
        }
        let (_, headers) = self.session_headers();
        let ready = message::notification("notifications/initialized", "{}");
        let response = self.link.post(headers.clone(), &ready).await?;
        if response.status().is_success() {
            self.absorb(response);
        } else {
            let error = response.into_error().await;
            tracing::warn!(%error, "the server rejects notifications/initialized");
        }
        for (method, params) in replay {
            if let Err(error) = self
                .request_of_ours(headers.clone(), &method, &params)
                .await
            {
                tracing::warn!(%error, %method, "could not be set in the new session");
            }
        }
        self.spawn_listen();
        Ok(())
    }

    /// Has the owner of the stream open stream and session again, and waits for it.
    async fn reopen_sse(&self, generation: u64) -> Result<(), Error> {
        let mut stream = self.stream.subscribe();
        self.lost.send_replace(generation);
        self.wanted.notify_one();
        let open =
            stream.wait_for(|stream| matches!(stream, Stream::Open(open) if *open != generation));
        match tokio::time::timeout(REOPENED_WITHIN, open).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self
                .link
                .broken("farport could not open the session again yet".to_owned())),
        }
    }
}
