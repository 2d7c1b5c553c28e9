//! The session's own stream: what the server has to say without being asked.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::Error;
use crate::backoff::Backoff;
use crate::bridge::{Bridge, lock};
use crate::sse::Parser;

/// The longest that a server may have its client wait before coming back.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Bridge {
    /// Listens for as long as the session is that of `generation`.
    pub(super) fn spawn_listen(self: &Arc<Self>, generation: u64) {
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                result = bridge.listen(generation) => if let Err(error) = result {
                    tracing::debug!(%error, "the session's stream is over");
                },
                () = bridge.stop.cancelled() => {}
            }
        });
    }

    async fn listen(self: &Arc<Self>, generation: u64) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        let mut last_event: Option<String> = None;
        loop {
            let mut retry = None;
            match self.get_stream(last_event.as_ref()).await {
                Ok(mut response) => match response.status() {
                    StatusCode::OK if response.media_type() == "text/event-stream" => {
                        let mut parser = Parser::new(self.remote.limits());
                        loop {
                            let mut event = match self.next_event(&mut response, &mut parser).await
                            {
                                Ok(Some(event)) => event,
                                Ok(None) => break,
                                Err(error) => {
                                    tracing::debug!(%error, "the session's stream broke");
                                    break;
                                }
                            };
                            backoff.reset();
                            retry = event.retry.or(retry);
                            if let Some(id) = event.id.take() {
                                last_event = Some(id).filter(|id| !id.is_empty());
                            }
                            if event.is_message() {
                                self.deliver_body(event.data, None).await?;
                            }
                        }
                    }
                    StatusCode::NOT_FOUND if self.has_session_id() => {
                        match self.reopen(generation).await {
                            // It has a stream of its own now.
                            Ok(()) => return Ok(()),
                            Err(error) => tracing::debug!(%error, "no new session yet"),
                        }
                    }
                    status
                        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {}
                    // 405, mostly: the server has no such stream.
                    _ => return Ok(()),
                },
                Err(
                    error @ (Error::Unreachable { .. }
                    | Error::Broken { .. }
                    | Error::TimedOut { .. }),
                ) => tracing::debug!(%error, "the session's stream is not to be had"),
                Err(error) => return Err(error),
            }
            let wait = backoff
                .next()
                .max(retry.unwrap_or_default().min(LONGEST_RETRY));
            tokio::time::sleep(wait).await;
            if lock(&self.session.state).generation != generation {
                return Ok(());
            }
        }
    }

    fn has_session_id(&self) -> bool {
        lock(&self.session.state).id.is_some()
    }

    /// Pings the server every `interval`, which keeps balancers from closing a quiet session.
    pub(crate) async fn keep_alive(self: Arc<Self>, interval: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.stop.cancelled() => return,
            }
            let (ready, over_http) = {
                let state = lock(&self.session.state);
                (
                    state.initialized,
                    matches!(state.transport, Some(super::Transport::Http)),
                )
            };
            if !ready || !over_http {
                continue;
            }
            let (generation, headers) = self.session_headers();
            match self.request_of_ours(headers, "ping", "{}").await {
                Err(Error::Status { status: 404, .. }) => {
                    if let Err(error) = self.reopen(generation).await {
                        tracing::debug!(%error, "no new session yet");
                    }
                }
                Err(error) => tracing::debug!(%error, "the server does not answer a ping"),
                Ok(_) => {}
            }
        }
    }
}
