//! A call that goes on at the server while the client is asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::PREFIX;
use crate::Error;
use crate::bridge::{Bridge, lock};
use crate::members::Members;
use crate::message::{self, Id, Peek};
use crate::secret::random_text;

/// How long more questions of one call are waited for, so that they come together.
const TOGETHER: Duration = Duration::from_millis(20);
/// How long a call waits for the client to come back.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most calls that wait.
const MOST_WAITING: usize = 64;

/// A request of the server in the middle of a call.
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: String,
}

/// A call that goes on at the server.
pub(super) struct Going {
    method: String,
    answer: oneshot::Receiver<String>,
    asked: mpsc::UnboundedReceiver<Asked>,
    failure: oneshot::Receiver<Error>,
    guard: Guard,
}

/// A call that waits for the client.
pub(super) struct Waiting {
    going: Going,
    /// The server's requests, by the key that the client answers them with.
    questions: HashMap<String, Id>,
    until: Instant,
}

/// Tells the server of a call that nobody waits for any more.
struct Guard {
    bridge: Arc<Bridge>,
    id: Id,
    done: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.bridge.down.state)
            .calls
            .retain(|(id, _)| *id != self.id);
        self.bridge.no_longer_expect(&self.id);
        if self.done || self.bridge.stop.is_cancelled() {
            return;
        }
        let bridge = Arc::clone(&self.bridge);
        let params = format!(r#"{{"requestId":{}}}"#, self.id.json());
        tokio::spawn(async move {
            let told = message::notification("notifications/cancelled", &params);
            if let Err(error) = bridge.session_request(None, &told).await {
                tracing::debug!(%error, "the server was not told of a cancellation");
            }
        });
    }
}

impl Bridge {
    /// Starts a call at the server, in the words of its era.
    pub(super) async fn start(
        self: &Arc<Self>,
        peek: &Peek<'_>,
        params: &Members<'_>,
    ) -> Result<Going, Error> {
        let meta = Members::read(params.get("_meta").unwrap_or("{}")).unwrap_or_default();
        let level = meta.get(&format!("{PREFIX}logLevel")).map(str::to_owned);
        self.set_level(level).await;
        let mut words = Members::default();
        for (name, value) in params.iter() {
            if !matches!(name, "_meta" | "inputResponses" | "requestState") {
                words.set(name, value);
            }
        }
        let mut kept = Members::default();
        for (name, value) in meta.iter().filter(|(name, _)| !name.starts_with(PREFIX)) {
            kept.set(name, value);
        }
        if !kept.is_empty() {
            words.set("_meta", kept.json());
        }
        let id = self.our_id("call");
        let answer = self.expect(&id);
        let (sender, asked) = mpsc::unbounded_channel();
        lock(&self.down.state).calls.push((id.clone(), sender));
        let guard = Guard {
            bridge: Arc::clone(self),
            id: id.clone(),
            done: false,
        };
        let (failed, failure) = oneshot::channel();
        let text = message::request(&id, &peek.method, &words.json());
        let bridge = Arc::clone(self);
        let call = id.clone();
        // It goes on while the client is asked.
        tokio::spawn(async move {
            let result = tokio::select! {
                result = bridge.session_request(Some(&call), &text) => result,
                () = bridge.stop.cancelled() => return,
            };
            if let Err(error) = result {
                // Whoever waited may have gone.
                let _ = failed.send(error);
            }
        });
        Ok(Going {
            method: peek.method.clone().into_owned(),
            answer,
            asked,
            failure,
            guard,
        })
    }

    /// Waits until the call is done, or needs the client.
    pub(super) async fn wait(self: &Arc<Self>, id: &Id, mut going: Going) -> Result<(), Error> {
        let first = tokio::select! {
            biased;
            answer = &mut going.answer => {
                going.guard.done = true;
                let answer = answer.map_err(|_| Error::Stopped)?;
                self.answer_with(id, &going.method, &answer).await;
                return Ok(());
            }
            Some(asked) = going.asked.recv() => asked,
            Ok(error) = &mut going.failure => {
                going.guard.done = true;
                return Err(error);
            }
        };
        let mut all = vec![first];
        while let Ok(Some(next)) = tokio::time::timeout(TOGETHER, going.asked.recv()).await {
            all.push(next);
        }
        let mut requests = Members::default();
        let mut questions = HashMap::new();
        let keys: Vec<String> = (1..=all.len())
            .map(|number| format!("question-{number}"))
            .collect();
        for (key, asked) in keys.iter().zip(all) {
            let method = serde_json::Value::from(asked.method);
            requests.set(
                key,
                format!(r#"{{"method":{method},"params":{}}}"#, asked.params),
            );
            questions.insert(key.clone(), asked.id);
        }
        let state = random_text(24).map_err(|error| {
            Error::Usage(format!("This system gives no random numbers: {error}."))
        })?;
        let result = format!(
            r#"{{"resultType":"input_required","inputRequests":{},"requestState":"{state}"}}"#,
            requests.json()
        );
        {
            let mut all = lock(&self.down.state);
            let now = Instant::now();
            let over: Vec<_> = all
                .waiting
                .iter()
                .filter(|(_, waiting)| waiting.until <= now)
                .map(|(state, _)| state.clone())
                .collect();
            let over: Vec<_> = over
                .iter()
                .filter_map(|state| all.waiting.remove(state))
                .collect();
            let full = all.waiting.len() >= MOST_WAITING;
            if !full {
                let waiting = Waiting {
                    going,
                    questions,
                    until: now + PATIENCE,
                };
                all.waiting.insert(state, waiting);
            }
            drop(all);
            // Their guards tell the server, and lock the state for it.
            drop(over);
            if full {
                return Err(Error::Refused {
                    url: self.remote.shown(),
                    why: "too many calls wait for an answer already".to_owned(),
                });
            }
        }
        self.answer(id, &result).await;
        Ok(())
    }

    /// Gives the server what the client has answered.
    pub(super) async fn resume(
        self: &Arc<Self>,
        waiting: Waiting,
        answers: Option<&str>,
    ) -> Result<Going, Error> {
        let answers = Members::read(answers.unwrap_or("{}")).unwrap_or_default();
        for (key, id) in &waiting.questions {
            let text = match answers.get(key) {
                Some(answer) => message::result(id, answer),
                None => message::error(Some(id), -32000, "The client did not answer"),
            };
            self.session_request(None, &text).await?;
        }
        Ok(waiting.going)
    }
}
