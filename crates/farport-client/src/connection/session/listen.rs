//! The session's own stream: what the server sends without a request.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::open::PATIENCE;
use super::{Session, Stream, is_transient, may_be_gone};
use crate::Error;
use crate::connection::link::lock;
use crate::http::Incoming;
use crate::sse::Parser;

/// The longest wait that a server can ask for with an event's `retry`.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The outcome of an attempt to listen.
enum Heard {
    /// The stream was open, and has ended.
    Ended,
    /// It could not be opened now.
    Later,
    /// The server has no such stream.
    Never(StatusCode),
}

/// The outcome of a ping.
enum Probed {
    /// The session lives.
    Alive,
    /// The server no longer knew it; there is another one, which has its own stream.
    Reopened,
    /// The server could not be asked.
    Unknown,
}

impl Session {
    /// Listens for as long as the session lives. The listener before it ends.
    pub(super) fn spawn_listen(self: &Arc<Self>) {
        let session = Arc::clone(self);
        let token = self.stream.take(Stream::Opening);
        tokio::spawn(async move {
            tokio::select! {
                result = session.listen(&token) => if let Err(error) = result {
                    tracing::debug!(%error, "the session has no stream any more");
                },
                () = token.cancelled() => {}
                () = session.link.stop.cancelled() => {}
            }
            session.stream.set(&token, Stream::None);
        });
    }

    async fn listen(self: &Arc<Self>, token: &CancellationToken) -> Result<(), Error> {
        let mut last_event: Option<String> = None;
        let mut worked = false;
        loop {
            let mut retry = None;
            let heard = self.try_stream(token, &mut last_event, &mut retry).await?;
            match heard {
                Heard::Ended => worked = true,
                Heard::Later => {}
                // Servers without a stream answer with various statuses. Where there was one, the
                // session may have expired, or the event to resume at.
                Heard::Never(status) if worked && may_be_gone(status) => match self.probe().await {
                    Probed::Alive if last_event.take().is_some() => worked = false,
                    Probed::Alive | Probed::Reopened => return Ok(()),
                    Probed::Unknown => {}
                },
                Heard::Never(_) => return Ok(()),
            }
            self.stream.set(token, Stream::Opening);
            let wait = self.stream.ended();
            tokio::time::sleep(wait.max(retry.unwrap_or_default())).await;
        }
    }

    async fn try_stream(
        self: &Arc<Self>,
        token: &CancellationToken,
        last_event: &mut Option<String>,
        retry: &mut Option<Duration>,
    ) -> Result<Heard, Error> {
        let (generation, headers) = self.session_headers();
        let response = match self.link.get_stream(headers, last_event.as_ref()).await {
            Ok(response) => response,
            Err(
                error @ (Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. }),
            ) => {
                tracing::debug!(%error, "the session's stream cannot be opened");
                return Ok(Heard::Later);
            }
            Err(error) => return Err(error),
        };
        let status = response.status();
        if status == StatusCode::OK && response.media_type() == "text/event-stream" {
            self.stream.set(token, Stream::Open(generation));
            self.stream.opened();
            self.hear(response, last_event, retry).await;
            return Ok(Heard::Ended);
        }
        *retry = response.retry_after();
        Ok(if is_transient(status) {
            Heard::Later
        } else {
            // 405, mostly.
            Heard::Never(status)
        })
    }

    /// Reads a stream to its end.
    async fn hear(
        self: &Arc<Self>,
        mut response: Incoming,
        last_event: &mut Option<String>,
        retry: &mut Option<Duration>,
    ) {
        let mut parser = Parser::new(self.link.remote.limits());
        loop {
            let mut event = match self.link.next_event(&mut response, &mut parser).await {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "the session's stream broke");
                    return;
                }
            };
            *retry = event.retry.map(|retry| retry.min(LONGEST_RETRY)).or(*retry);
            if let Some(id) = event.id.take() {
                *last_event = Some(id).filter(|id| !id.is_empty());
            }
            if event.is_message()
                && let Err(error) = self.link.hub.deliver_body(event.data, None).await
            {
                // One event that is no message does not end the stream.
                self.link.hub.report(&error);
            }
        }
    }

    /// Sends a ping to find out whether the server still knows the session, and opens another one if not.
    async fn probe(self: &Arc<Self>) -> Probed {
        let (generation, headers) = self.session_headers();
        let pinged = self.request_of_ours(headers, "ping", "{}").await;
        let gone = match &pinged {
            Ok(_) | Err(Error::Refused { .. }) => return Probed::Alive,
            Err(Error::Status { status, .. }) => {
                StatusCode::from_u16(*status).is_ok_and(may_be_gone) && self.has_session_id()
            }
            Err(_) => false,
        };
        if let Err(error) = pinged {
            tracing::debug!(%error, "the server does not answer a ping");
        }
        if !gone {
            return Probed::Unknown;
        }
        match self.reopen(generation, PATIENCE).await {
            Ok(true) => {
                self.reopening_helped();
                return Probed::Reopened;
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "no new session yet"),
        }
        Probed::Unknown
    }

    pub(super) fn has_session_id(&self) -> bool {
        lock(&self.state).id.is_some()
    }

    /// Pings the server every `interval`, which keeps balancers from closing a quiet session.
    pub(crate) async fn keep_alive(self: Arc<Self>, interval: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.link.stop.cancelled() => return,
            }
            let (ready, over_http) = {
                let state = lock(&self.state);
                (
                    state.initialized,
                    matches!(state.transport, Some(super::Transport::Http)),
                )
            };
            if ready && over_http {
                self.probe().await;
            }
        }
    }
}
