//! A client of 2026-07-28 at a server of the session era.
//!
//! A session is opened on the client's behalf. What the server asks for in the middle of a call
//! becomes the call's `input_required` answer; the call itself waits, and goes on when the client
//! comes back with its answers.

mod call;
mod incoming;
mod words;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::mpsc;

use crate::Error;
use crate::bridge::{Bridge, INVALID_PARAMS, lock};
use crate::members::Members;
use crate::message::{self, Id, Peek};
use crate::modern::error_code;
use crate::options::Protocol;
use call::{Asked, Waiting};
use incoming::Filter;

const PREFIX: &str = "io.modelcontextprotocol/";

/// Whether, and how, the client is translated.
#[derive(Default)]
pub(crate) struct Down {
    active: AtomicBool,
    /// Whether the server has shown that it knows the client's own era.
    modern: AtomicBool,
    opening: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the server said of itself.
    initialized: String,
    level: Option<String>,
    /// Calls that are going on, the newest last.
    calls: Vec<(Id, mpsc::UnboundedSender<Asked>)>,
    waiting: HashMap<String, Waiting>,
    listening: HashMap<Id, Filter>,
}

impl Down {
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// The server knows the client's own era.
    pub(crate) fn is_not_needed(&self) {
        self.modern.store(true, Ordering::Relaxed);
    }
}

impl Bridge {
    /// Whether an answer to a request of the newest revision is that of a server that does not know
    /// it.
    pub(crate) fn goes_down(&self, status: StatusCode, said: &str) -> bool {
        self.protocol == Protocol::Auto
            && !self.down.modern.load(Ordering::Relaxed)
            && status.is_client_error()
            && !matches!(error_code(said), Some(-32022..=-32020))
    }

    /// Opens a session on behalf of a client of the newest revision. Whether there is one.
    pub(crate) async fn open_downwards(
        self: &Arc<Self>,
        request: &Peek<'_>,
    ) -> Result<bool, Error> {
        let _one = self.down.opening.lock().await;
        if self.down.is_active() {
            return Ok(true);
        }
        let params = Members::of(request.params);
        let meta = Members::read(params.get("_meta").unwrap_or("{}")).unwrap_or_default();
        let told = |name: &str| meta.get(&format!("{PREFIX}{name}"));
        let params = format!(
            r#"{{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}}"#,
            told("clientCapabilities").unwrap_or("{}"),
            told("clientInfo").unwrap_or(r#"{"name":"farport","version":"0"}"#),
        );
        let result = match self.open_for(&params).await {
            Ok(result) => result,
            Err(Error::Status { .. } | Error::NotMcp { .. } | Error::Refused { .. }) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        lock(&self.down.state).initialized = result;
        self.down.active.store(true, Ordering::Relaxed);
        let ready = message::notification("notifications/initialized", "{}");
        self.initialized(&ready).await;
        Ok(true)
    }

    /// Answers a request of a client of the newest revision.
    pub(crate) async fn down_request(
        self: &Arc<Self>,
        id: &Id,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        let params = Members::of(peek.params);
        match &*peek.method {
            "server/discover" => {
                let result = self.discovered();
                self.answer(id, &result).await;
                return Ok(());
            }
            "subscriptions/listen" => return self.down_listen(id, &params).await,
            _ => {}
        }
        let state = params
            .get("requestState")
            .and_then(|raw| serde_json::from_str::<String>(raw).ok());
        let going = match state {
            None => self.start(peek, &params).await?,
            Some(state) => {
                let waiting = lock(&self.down.state).waiting.remove(&state);
                let Some(waiting) = waiting else {
                    let said = "The requestState is not one that waits";
                    if self.answer_is_due(id) {
                        self.write(&message::error(Some(id), INVALID_PARAMS, said))
                            .await;
                    }
                    return Ok(());
                };
                self.resume(waiting, params.get("inputResponses")).await?
            }
        };
        self.wait(id, going).await
    }

    async fn answer(&self, id: &Id, result: &str) {
        if self.answer_is_due(id) {
            self.write(&message::result(id, result)).await;
        }
    }

    /// A session has one log level, where the newest revision has one for each request.
    async fn set_level(self: &Arc<Self>, level: Option<String>) {
        let Some(level) = level else { return };
        {
            let mut state = lock(&self.down.state);
            if state.level.as_ref() == Some(&level) {
                return;
            }
            state.level = Some(level.clone());
        }
        if let Err(error) = self
            .ours("logging/setLevel", &format!(r#"{{"level":{level}}}"#))
            .await
        {
            tracing::debug!(%error, "the server takes no log level");
        }
    }

    /// A request of our own in the session.
    async fn ours(self: &Arc<Self>, method: &str, params: &str) -> Result<(), Error> {
        let id = self.our_id("own");
        let answer = self.expect(&id);
        let asked = self
            .session_request(Some(&id), &message::request(&id, method, params))
            .await;
        if asked.is_err() {
            self.no_longer_expect(&id);
            return asked;
        }
        let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
        self.no_longer_expect(&id);
        match answer {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self.broken(format!("it did not answer {method}"))),
        }
    }
}
