//! A client of the session era at a server that only knows 2026-07-28.
//!
//! The client's handshake is answered here; each of its requests goes out with what the newest
//! revision wants in it; what the server asks for comes to the client as the requests it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::backoff::Backoff;
use crate::bridge::{Bridge, lock};
use crate::members::Members;
use crate::message::{self, Id, Peek};
use crate::modern::{REVISION, VERSION_KEY};
use crate::options::Protocol;
use crate::sse::Parser;

/// How often one request may be answered with questions.
const MOST_ROUNDS: usize = 10;
/// The most questions of one round.
const MOST_QUESTIONS: usize = 32;

const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";
const LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";
const SERVER_INFO_KEY: &str = "io.modelcontextprotocol/serverInfo";

/// Whether, and how, the client is translated.
#[derive(Default)]
pub(crate) struct Up {
    active: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// JSON of the client's, each.
    capabilities: String,
    info: Option<String>,
    level: Option<String>,
    /// What the server tells changes of.
    changes: BTreeMap<&'static str, bool>,
    resources: BTreeSet<String>,
    listening: Option<CancellationToken>,
}

impl Up {
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

#[derive(Deserialize, Default)]
struct Discovered<'a> {
    #[serde(rename = "supportedVersions", default)]
    versions: Vec<String>,
    #[serde(borrow, default)]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, rename = "serverInfo", default)]
    info: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta", default)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Questions<'a> {
    #[serde(rename = "resultType", default)]
    kind: String,
    #[serde(borrow, rename = "inputRequests", default)]
    requests: Option<Members<'a>>,
    #[serde(borrow, rename = "requestState", default)]
    state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Question<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl Bridge {
    /// Tries the newest revision with a server that knows no `initialize`. Whether it knows that
    /// one; then the client has its answer.
    pub(crate) async fn open_upwards(
        self: &Arc<Self>,
        id: &Id,
        initialize: &Peek<'_>,
    ) -> Result<bool, Error> {
        if self.protocol == Protocol::Legacy {
            return Ok(false);
        }
        let asked = Members::of(initialize.params);
        {
            let mut state = lock(&self.up.state);
            *state = State {
                capabilities: asked.get("capabilities").unwrap_or("{}").to_owned(),
                info: asked.get("clientInfo").map(str::to_owned),
                ..State::default()
            };
        }
        let Ok(answer) = self
            .up_exchange("server/discover", &Members::default())
            .await
        else {
            return Ok(false);
        };
        let Some(result) = Peek::at(&answer).and_then(|peek| peek.result) else {
            return Ok(false);
        };
        let found: Discovered<'_> = message::read_or_default(Some(result));
        if !found.versions.iter().any(|version| version == REVISION) {
            return Err(Error::Version {
                url: self.remote.shown(),
                why: format!("it speaks {}", found.versions.join(", ")),
            });
        }
        let capabilities: Value = message::read_or_default(found.capabilities);
        {
            let mut state = lock(&self.up.state);
            for (area, change) in [
                ("tools", "toolsListChanged"),
                ("prompts", "promptsListChanged"),
                ("resources", "resourcesListChanged"),
            ] {
                let told = capabilities[area]["listChanged"] == Value::Bool(true);
                state.changes.insert(change, told);
            }
        }
        let meta = Members::of(found.meta);
        let info = meta
            .get(SERVER_INFO_KEY)
            .or(found.info.map(RawValue::get))
            .unwrap_or(r#"{"name":"unnamed","version":"0"}"#);
        let mut answer = Members::default();
        let version = asked.get("protocolVersion");
        let known = version.filter(|version| {
            let version = version.trim_matches('"');
            farport_core::ProtocolVersion::parse(version)
                .is_some_and(|version| version.era() == farport_core::Era::Session)
        });
        answer.set(
            "protocolVersion",
            known.unwrap_or(r#""2025-11-25""#).to_owned(),
        );
        answer.set(
            "capabilities",
            found.capabilities.map_or("{}", RawValue::get).to_owned(),
        );
        answer.set("serverInfo", info.to_owned());
        if let Some(instructions) = found.instructions {
            answer.set("instructions", instructions.get().to_owned());
        }
        self.up.active.store(true, Ordering::Relaxed);
        if self.answer_is_due(id) {
            self.write(&message::result(id, &answer.json())).await;
        }
        Ok(true)
    }

    /// Answers a request of the client, with the server's help where it has any.
    pub(crate) async fn up_request(
        self: &Arc<Self>,
        id: &Id,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        let params = Members::of(peek.params);
        let here = match &*peek.method {
            "ping" => true,
            "logging/setLevel" => {
                lock(&self.up.state).level = params.get("level").map(str::to_owned);
                true
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                let uri = params
                    .get("uri")
                    .and_then(|uri| serde_json::from_str(uri).ok());
                if let Some(uri) = uri {
                    let mut state = lock(&self.up.state);
                    if peek.method == "resources/subscribe" {
                        state.resources.insert(uri);
                    } else {
                        state.resources.remove(&uri);
                    }
                }
                self.up_listen();
                true
            }
            _ => false,
        };
        if here {
            if self.answer_is_due(id) {
                self.write(&message::result(id, "{}")).await;
            }
            return Ok(());
        }
        let mut params = params;
        let mut answers;
        let mut state;
        for _ in 0..MOST_ROUNDS {
            let answer = self.up_exchange(&peek.method, &params).await?;
            let Some(answered) = Peek::at(&answer) else {
                return Err(Error::Stopped);
            };
            let Some(result) = answered.result else {
                let error = answered.error.map_or("{}", RawValue::get);
                if self.answer_is_due(id) {
                    let id = id.json();
                    self.write(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
                        .await;
                }
                return Ok(());
            };
            let questions: Questions<'_> = message::read_or_default(Some(result));
            if questions.kind != "input_required" {
                let visible = (peek.method == "tools/list")
                    .then(|| self.tools.visible(result.get(), true))
                    .flatten();
                if self.answer_is_due(id) {
                    let result = visible.as_deref().unwrap_or(result.get());
                    self.write(&message::result(id, result)).await;
                }
                return Ok(());
            }
            answers = self.put(questions.requests.unwrap_or_default()).await?;
            params.set("inputResponses", answers);
            match questions.state {
                Some(raw) => {
                    state = raw.get().to_owned();
                    params.set("requestState", state);
                }
                None => params.remove("requestState"),
            }
        }
        Err(Error::Refused {
            url: self.remote.shown(),
            why: format!("it asked {MOST_ROUNDS} times for more, and was not done"),
        })
    }

    /// Puts the server's questions to the client. The answers, by their keys, as JSON.
    async fn put(&self, questions: Members<'_>) -> Result<String, Error> {
        let refused = |why: String| Error::Refused {
            url: self.remote.shown(),
            why,
        };
        let asked = questions
            .iter()
            .take(MOST_QUESTIONS)
            .map(|(key, question)| async move {
                let question: Question<'_> = serde_json::from_str(question)
                    .map_err(|_| refused("its question cannot be read".to_owned()))?;
                if !self.may_ask(&question.method) {
                    let what = question.method;
                    return Err(refused(format!(
                        "it asks for {what}, which this client does not have"
                    )));
                }
                let params = question.params.map_or("{}", RawValue::get);
                let answer = self.ask(&question.method, params).await?;
                let Some(answered) = Peek::at(&answer) else {
                    return Err(Error::Stopped);
                };
                match (answered.result, answered.error) {
                    (Some(result), _) => Ok((key, result.get().to_owned())),
                    (None, Some(error)) => Err(refused(format!(
                        "the client did not answer {}: {}",
                        question.method,
                        message::error_text(error)
                    ))),
                    (None, None) => Err(Error::Stopped),
                }
            });
        let mut answers = Members::default();
        let given = join_all(asked).await;
        for answer in given {
            let (key, result) = answer?;
            answers.set(key, result);
        }
        Ok(answers.json())
    }

    /// Whether the client has said that it can be asked this.
    fn may_ask(&self, method: &str) -> bool {
        let name = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            _ => return false,
        };
        let state = lock(&self.up.state);
        let declared: Value = serde_json::from_str(&state.capabilities).unwrap_or_default();
        declared[name].is_object()
    }

    /// A request to the server in the words of the newest revision, and its response.
    async fn up_exchange(
        self: &Arc<Self>,
        method: &str,
        params: &Members<'_>,
    ) -> Result<String, Error> {
        let id = self.our_id("up");
        let text = message::request(&id, method, &self.in_newest_words(params));
        let Some(peek) = Peek::at(&text) else {
            return Err(Error::Stopped);
        };
        let answer = self.expect(&id);
        let asked = async {
            let mut response = self.modern_post(&text, &peek).await?;
            if response.status().is_success() {
                return self.modern_receive(response, &id).await;
            }
            let said = response.unexpected_text().await;
            self.refusal(Some(&id), &response, &said).await
        };
        let asked = asked.await;
        self.no_longer_expect(&id);
        asked?;
        answer.await.map_err(|_| self.broken("it ended".to_owned()))
    }

    /// The parameters with the `_meta` that the newest revision wants.
    fn in_newest_words(&self, params: &Members<'_>) -> String {
        let mut words = Members::default();
        for (name, value) in params.iter().filter(|(name, _)| *name != "_meta") {
            words.set(name, value);
        }
        let mut meta = Members::read(params.get("_meta").unwrap_or("{}")).unwrap_or_default();
        let state = lock(&self.up.state);
        meta.set(VERSION_KEY, format!("\"{REVISION}\""));
        meta.set(CAPABILITIES_KEY, state.capabilities.clone());
        if let Some(info) = &state.info {
            meta.set(INFO_KEY, info.clone());
        }
        if let Some(level) = &state.level {
            meta.set(LEVEL_KEY, level.clone());
        }
        let meta = meta.json();
        words.set("_meta", meta);
        words.json()
    }

    /// What the newest revision has no word for ends here.
    pub(crate) async fn up_notification(self: &Arc<Self>, method: &str) {
        if method == "notifications/initialized" {
            self.up_listen();
        }
    }

    /// Listens to what the client would be told of in a session, from now on.
    fn up_listen(self: &Arc<Self>) {
        let mut state = lock(&self.up.state);
        if let Some(before) = state.listening.take() {
            before.cancel();
        }
        let mut wanted = Members::default();
        for (change, told) in &state.changes {
            if *told {
                wanted.set(change, "true");
            }
        }
        if !state.resources.is_empty() {
            let resources: Vec<&String> = state.resources.iter().collect();
            wanted.set(
                "resourceSubscriptions",
                serde_json::json!(resources).to_string(),
            );
        }
        if wanted.is_empty() {
            return;
        }
        let token = CancellationToken::new();
        state.listening = Some(token.clone());
        let params = format!(r#"{{"notifications":{}}}"#, wanted.json());
        drop(state);
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = bridge.up_listening(&params) => {}
                () = token.cancelled() => {}
                () = bridge.stop.cancelled() => {}
            }
        });
    }

    async fn up_listening(self: &Arc<Self>, params: &str) {
        let mut backoff = Backoff::default();
        loop {
            match self.up_listen_once(params, &mut backoff).await {
                Ok(()) => {}
                Err(
                    error @ (Error::Broken { .. }
                    | Error::Unreachable { .. }
                    | Error::TimedOut { .. }),
                ) => tracing::debug!(%error, "the subscription broke"),
                Err(error) => {
                    tracing::debug!(%error, "the server takes no subscription");
                    return;
                }
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn up_listen_once(
        self: &Arc<Self>,
        params: &str,
        backoff: &mut Backoff,
    ) -> Result<(), Error> {
        let id = self.our_id("listen");
        let params = Members::read(params).unwrap_or_default();
        let text = message::request(&id, "subscriptions/listen", &self.in_newest_words(&params));
        let Some(peek) = Peek::at(&text) else {
            return Err(Error::Stopped);
        };
        let mut response = self.modern_post(&text, &peek).await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            return Err(crate::http::status_error(
                response.url(),
                response.status(),
                &said,
            ));
        }
        let mut parser = Parser::new(self.remote.limits());
        while let Some(event) = self.next_event(&mut response, &mut parser).await? {
            backoff.reset();
            let text = self.text_of(event.data)?;
            let Some(peek) = Peek::at(&text) else {
                continue;
            };
            if let Some(error) = peek.error {
                return Err(Error::Refused {
                    url: self.remote.shown(),
                    why: message::error_text(error),
                });
            }
            // The client has asked for none of this, so it needs no acknowledgement.
            if !peek.method.is_empty() && peek.method != "notifications/subscriptions/acknowledged"
            {
                self.deliver(&text, None).await?;
            }
        }
        Ok(())
    }
}
