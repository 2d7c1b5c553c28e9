//! A client of 2026-07-28 at a server of the session era.
//!
//! A session is opened on the client's behalf. What the server asks for in the middle of a call
//! becomes the call's `input_required` answer; the call itself waits, and goes on when the client
//! comes back with its answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Error;
use crate::bridge::{Bridge, INVALID_PARAMS, lock};
use crate::members::Members;
use crate::message::{self, Id, Kind, Peek};
use crate::modern::error_code;
use crate::options::Protocol;
use crate::secret::random_text;

/// How long more questions of one call are waited for, so that they come together.
const TOGETHER: Duration = Duration::from_millis(20);
/// How long a call waits for the client to come back.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most calls that wait.
const MOST_WAITING: usize = 64;

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

/// A request of the server in the middle of a call.
struct Asked {
    id: Id,
    method: String,
    params: String,
}

/// A call that goes on at the server.
struct Going {
    method: String,
    answer: oneshot::Receiver<String>,
    asked: mpsc::UnboundedReceiver<Asked>,
    failure: oneshot::Receiver<Error>,
    guard: Guard,
}

/// A call that waits for the client.
struct Waiting {
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resource_subscriptions: Vec<String>,
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

    /// Starts a call at the server, in the words of its era.
    async fn start(
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
    async fn wait(self: &Arc<Self>, id: &Id, mut going: Going) -> Result<(), Error> {
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
    async fn resume(
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

    async fn answer(&self, id: &Id, result: &str) {
        if self.answer_is_due(id) {
            self.write(&message::result(id, result)).await;
        }
    }

    /// Answers with what the server of the older era has answered.
    async fn answer_with(&self, id: &Id, method: &str, answer: &str) {
        let Some(peek) = Peek::at(answer) else { return };
        let text = match (peek.result, peek.error) {
            (Some(result), _) => message::result(id, &self.in_newer_words(method, result)),
            (None, Some(error)) => {
                let mut error = Members::of(Some(error));
                // Resource not found has this code now.
                if error.get("code") == Some("-32002") {
                    error.set("code", "-32602");
                }
                format!(
                    r#"{{"jsonrpc":"2.0","id":{},"error":{}}}"#,
                    id.json(),
                    error.json()
                )
            }
            (None, None) => return,
        };
        if self.answer_is_due(id) {
            self.write(&text).await;
        }
    }

    fn in_newer_words(&self, method: &str, result: &RawValue) -> String {
        let visible = (method == "tools/list")
            .then(|| self.tools.visible(result.get(), false))
            .flatten();
        let Some(mut members) = Members::read(visible.as_deref().unwrap_or(result.get())) else {
            return result.get().to_owned();
        };
        if members.get("resultType").is_none() {
            members.set("resultType", r#""complete""#);
        }
        if method.ends_with("/list") || method == "resources/read" {
            for (name, value) in [("ttlMs", "0"), ("cacheScope", r#""private""#)] {
                if members.get(name).is_none() {
                    members.set(name, value);
                }
            }
        }
        members.json()
    }

    fn discovered(&self) -> String {
        let state = lock(&self.down.state);
        let told = Members::read(&state.initialized).unwrap_or_default();
        let mut result = Members::default();
        result.set("resultType", r#""complete""#);
        result.set("supportedVersions", r#"["2026-07-28"]"#);
        result.set("capabilities", told.get("capabilities").unwrap_or("{}"));
        if let Some(instructions) = told.get("instructions") {
            result.set("instructions", instructions);
        }
        if let Some(info) = told.get("serverInfo") {
            result.set("_meta", format!(r#"{{"{PREFIX}serverInfo":{info}}}"#));
        }
        result.set("ttlMs", "0");
        result.set("cacheScope", r#""private""#);
        result.json()
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

    async fn down_listen(self: &Arc<Self>, id: &Id, params: &Members<'_>) -> Result<(), Error> {
        struct Listening(Arc<Bridge>, Id);
        impl Drop for Listening {
            fn drop(&mut self) {
                let filter = lock(&self.0.down.state).listening.remove(&self.1);
                let bridge = Arc::clone(&self.0);
                if bridge.stop.is_cancelled() {
                    return;
                }
                tokio::spawn(async move {
                    for uri in filter.unwrap_or_default().resource_subscriptions {
                        let params = serde_json::json!({"uri": uri}).to_string();
                        if let Err(error) = bridge.ours("resources/unsubscribe", &params).await {
                            tracing::debug!(%error, "a subscription stays");
                        }
                    }
                });
            }
        }

        let raw = params.get("notifications").unwrap_or("{}");
        let filter: Filter = serde_json::from_str(raw).unwrap_or_default();
        lock(&self.down.state)
            .listening
            .insert(id.clone(), filter.clone());
        let _listening = Listening(Arc::clone(self), id.clone());
        for uri in &filter.resource_subscriptions {
            self.ours(
                "resources/subscribe",
                &serde_json::json!({"uri": uri}).to_string(),
            )
            .await?;
        }
        let acknowledgement = format!(
            r#"{{"_meta":{{"{PREFIX}subscriptionId":{}}},"notifications":{raw}}}"#,
            id.json()
        );
        let method = "notifications/subscriptions/acknowledged";
        self.write(&message::notification(method, &acknowledgement))
            .await;
        // It ends when the client cancels it.
        std::future::pending().await
    }

    /// Takes what a server of the session era sends besides answers. `from` is the call on whose
    /// stream it came.
    pub(crate) async fn down_incoming(
        self: &Arc<Self>,
        text: &str,
        peek: &Peek<'_>,
        from: Option<&Id>,
    ) {
        let params = peek.params.map_or("{}", RawValue::get);
        if let Kind::Request(id) = &peek.kind {
            let reply = match &*peek.method {
                "ping" => Some(message::result(id, "{}")),
                "elicitation/create" | "sampling/createMessage" | "roots/list" => {
                    let asked = Asked {
                        id: id.clone(),
                        method: peek.method.clone().into_owned(),
                        params: params.to_owned(),
                    };
                    let state = lock(&self.down.state);
                    let call = state
                        .calls
                        .iter()
                        .find(|(call, _)| Some(call) == from)
                        .or(state.calls.last());
                    let taken = call.is_some_and(|(_, call)| call.send(asked).is_ok());
                    (!taken).then(|| message::error(Some(id), -32000, "No call is going on"))
                }
                _ => Some(message::error(Some(id), -32601, "Method not found")),
            };
            if let Some(reply) = reply {
                let bridge = Arc::clone(self);
                tokio::spawn(async move {
                    if let Err(error) = bridge.session_request(None, &reply).await {
                        tracing::debug!(%error, "the server did not take an answer");
                    }
                });
            }
            return;
        }
        let wanted: fn(&Filter) -> bool = match &*peek.method {
            "notifications/tools/list_changed" => |filter| filter.tools_list_changed,
            "notifications/prompts/list_changed" => |filter| filter.prompts_list_changed,
            "notifications/resources/list_changed" => |filter| filter.resources_list_changed,
            "notifications/resources/updated" => |filter| !filter.resource_subscriptions.is_empty(),
            "notifications/cancelled" => return,
            _ => return self.write(text).await,
        };
        let uri = Members::of(peek.params)
            .get("uri")
            .and_then(|uri| serde_json::from_str::<String>(uri).ok());
        let listeners: Vec<Id> = lock(&self.down.state)
            .listening
            .iter()
            .filter(|(_, filter)| {
                wanted(filter)
                    && uri
                        .as_ref()
                        .is_none_or(|uri| filter.resource_subscriptions.contains(uri))
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in listeners {
            let mut told = Members::of(peek.params);
            told.set(
                "_meta",
                format!(r#"{{"{PREFIX}subscriptionId":{}}}"#, id.json()),
            );
            self.write(&message::notification(&peek.method, &told.json()))
                .await;
        }
    }
}
