//! A chat that runs: the machine, the model it asks, and the servers it calls.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use farport_client::{CancellationToken, HttpClient, HttpOptions};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::conversation::{Failure, FailureKind, Message};
use super::dialect::Request;
use super::machine::{Changes, Chat, ChatEvent, ChatSettings, Effect, Input, Refused};
use super::model::{self, Raw};
use super::providers::Provider;
use super::server::{CallUpdate, Server, ToolCall};
use crate::state::lock;

/// How many steps keep their exact request and response.
const MOST_RAW: usize = 20;
/// The most bytes of a result of a tool, as JSON.
const LARGEST_RESULT: usize = 16 * 1024 * 1024;

/// What a chat needs of its surroundings.
pub trait Host: Send + Sync {
    /// The servers whose tools the model is offered.
    fn servers(&self) -> Vec<Arc<dyn Server>>;

    /// Receives what happens, in order. It must return quickly.
    fn event(&self, event: &ChatEvent);
}

/// Receives what changed, while the chat is locked.
pub(crate) type OnChange = Box<dyn Fn(&Chat, &Changes, bool) + Send + Sync>;

/// A chat that runs. It needs a tokio runtime.
pub struct Session {
    inner: Mutex<Inner>,
    http: HttpClient,
    host: Box<dyn Host>,
    changed: Option<OnChange>,
    /// How many calls run, including those that are about to stop.
    calls: watch::Sender<usize>,
}

struct Inner {
    chat: Chat,
    model: Option<(Arc<Provider>, String)>,
    asking: Option<AbortHandle>,
    running: HashMap<u64, CancellationToken>,
    raws: VecDeque<(u64, Raw)>,
}

impl Session {
    /// A chat without a model.
    pub fn new(host: Box<dyn Host>) -> Arc<Self> {
        Self::observed(host, None)
    }

    pub(crate) fn observed(host: Box<dyn Host>, changed: Option<OnChange>) -> Arc<Self> {
        let options = HttpOptions {
            proxy: true,
            ..HttpOptions::default()
        };
        Arc::new(Self {
            inner: Mutex::new(Inner {
                chat: Chat::new(),
                model: None,
                asking: None,
                running: HashMap::new(),
                raws: VecDeque::new(),
            }),
            http: HttpClient::new(options),
            host,
            changed,
            calls: watch::Sender::new(0),
        })
    }

    /// The client for requests to providers.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Chooses the model that is asked from now on.
    pub fn choose(&self, provider: Arc<Provider>, model: String) {
        lock(&self.inner).model = Some((provider, model));
    }

    pub(crate) fn model(&self) -> Option<(Arc<Provider>, String)> {
        lock(&self.inner).model.clone()
    }

    /// Changes how the model is asked.
    pub fn set(&self, settings: ChatSettings) {
        self.edit(|chat| chat.set(settings));
    }

    /// Permits these tools without a question, or every tool.
    pub fn allow(&self, tools: impl IntoIterator<Item = String>, all: bool) {
        self.edit(|chat| chat.allow(tools, all));
    }

    /// Reads the chat.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Chat) -> T) -> T {
        read(&lock(&self.inner).chat)
    }

    /// Stops what runs, and waits until every call is cancelled.
    pub async fn stop(self: &Arc<Self>) {
        self.late(Input::Stop);
        let mut calls = self.calls.subscribe();
        // The sender is a part of this chat.
        let _ = calls.wait_for(|count| *count == 0).await;
    }

    /// Whether a call waits for the user's permission.
    pub fn is_waiting(&self, call: u64) -> bool {
        self.read(|chat| chat.is_waiting(call))
    }

    /// Changes the chat outside of its loop.
    pub(crate) fn edit<T>(&self, change: impl FnOnce(&mut Chat) -> T) -> T {
        let mut inner = lock(&self.inner);
        let done = change(&mut inner.chat);
        self.report(&mut inner, false);
        done
    }

    /// The exact request and response of a step, if they are still held.
    pub(crate) fn raw(&self, step: u64) -> Option<Raw> {
        let inner = lock(&self.inner);
        let found = inner.raws.iter().find(|(id, _)| *id == step);
        found.map(|(_, raw)| raw.clone())
    }

    /// Handles an input of the user.
    ///
    /// # Errors
    /// When it does not fit where the chat stands; the text says why.
    pub fn input(self: &Arc<Self>, input: Input) -> Result<(), String> {
        self.take(input).map_err(|Refused(why)| why.to_owned())
    }

    fn take(self: &Arc<Self>, input: Input) -> Result<(), Refused> {
        let streams = matches!(
            input,
            Input::Model { .. } | Input::CallProgress { .. } | Input::CallLog { .. }
        );
        let mut inner = lock(&self.inner);
        let effects = inner.chat.input(now(), input)?;
        for effect in effects {
            self.run(&mut inner, effect);
        }
        self.report(&mut inner, streams);
        Ok(())
    }

    /// Handles an input that may come too late to matter.
    fn late(self: &Arc<Self>, input: Input) {
        if let Err(error) = self.take(input) {
            tracing::debug!(%error, "the chat has moved on");
        }
    }

    fn report(&self, inner: &mut Inner, streams: bool) {
        let changes = inner.chat.take_changes();
        if let Some(changed) = &self.changed {
            changed(&inner.chat, &changes, streams);
        }
    }

    fn run(self: &Arc<Self>, inner: &mut Inner, effect: Effect) {
        match effect {
            Effect::Report(event) => self.host.event(&event),
            Effect::ListTools => {
                let session = Arc::clone(self);
                tokio::spawn(async move { session.list().await });
            }
            Effect::Ask { step } => self.ask(inner, step),
            Effect::CancelModel => {
                if let Some(asking) = inner.asking.take() {
                    asking.abort();
                }
            }
            Effect::Call {
                call,
                server,
                tool,
                arguments,
            } => {
                let stop = CancellationToken::new();
                inner.running.insert(call, stop.clone());
                let session = Arc::clone(self);
                session.calls.send_modify(|count| *count += 1);
                tokio::spawn(async move {
                    // Dropping the call cancels it at the server.
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = session.call(call, &server, &tool, arguments) => {}
                    }
                    lock(&session.inner).running.remove(&call);
                    session.calls.send_modify(|count| *count -= 1);
                });
            }
            Effect::CancelCall { call } => {
                if let Some(stop) = inner.running.remove(&call) {
                    stop.cancel();
                }
            }
        }
    }

    /// Lists the tools of every server. A server that does not answer offers none.
    async fn list(self: Arc<Self>) {
        let servers = self.host.servers();
        let lists = servers.iter().map(|server| server.tools());
        let lists = futures_util::future::join_all(lists).await;
        let mut tools = Vec::new();
        for (list, server) in lists.into_iter().zip(&servers) {
            match list {
                Ok(list) => tools.extend(list),
                Err(error) => {
                    tracing::warn!(server = server.name(), error, "cannot list the tools");
                }
            }
        }
        self.late(Input::Tools(tools));
    }

    /// Requests the lists of tools now, such as for the page to show them.
    pub(crate) async fn refresh(self: Arc<Self>) {
        self.late(Input::ToolsRequested);
        self.list().await;
    }

    /// Asks the model, in a task. Written to run while the chat is locked.
    fn ask(self: &Arc<Self>, inner: &mut Inner, step: u64) {
        let session = Arc::clone(self);
        let Some((provider, model)) = inner.model.clone() else {
            let failure =
                Failure::new(FailureKind::Other, "no model is chosen").hint("choose a model");
            tokio::spawn(async move {
                session.late(Input::ModelEnded {
                    step,
                    failure: Some(failure),
                });
            });
            return;
        };
        let (body, tools_share) = body(&inner.chat, &provider, &model);
        if inner.raws.len() >= MOST_RAW {
            inner.raws.pop_front();
        }
        inner.raws.push_back((step, Raw::new(&provider, &body)));
        let asking = tokio::spawn(async move {
            session.late(Input::Asked {
                step,
                model,
                tools_share,
            });
            let mut raw = Raw::new(&provider, &body);
            let (http, receiver) = (&session.http, &session);
            let asked = model::ask(http, &provider, body, &mut raw, |event| {
                receiver.late(Input::Model { step, event });
            });
            let failure = asked.await.err();
            {
                let mut inner = lock(&session.inner);
                if let Some(held) = inner.raws.iter_mut().find(|(id, _)| *id == step) {
                    held.1 = raw;
                }
            }
            session.late(Input::ModelEnded { step, failure });
        });
        inner.asking = Some(asking.abort_handle());
    }

    async fn call(self: &Arc<Self>, call: u64, server: &str, tool: &str, arguments: Value) {
        let found = self
            .host
            .servers()
            .into_iter()
            .find(|one| one.name() == server);
        let outcome = match found {
            Some(server) => {
                let updates = |update| {
                    self.late(match update {
                        CallUpdate::Sent(request) => Input::CallSent { call, request },
                        CallUpdate::Progress(progress) => Input::CallProgress { call, progress },
                        CallUpdate::Log(text) => Input::CallLog { call, text },
                        CallUpdate::ToolsChanged => Input::ToolsChanged,
                    });
                };
                let as_task = self.read(|chat| chat.catalog().is_task(&server.name(), tool));
                let run = ToolCall {
                    tool,
                    arguments,
                    as_task,
                };
                server.call(run, &updates).await
            }
            None => Err(format!("{server} is no longer connected")),
        };
        let outcome = outcome.and_then(|result| match result.to_string().len() {
            size if size > LARGEST_RESULT => {
                Err(format!("the result has {size} bytes, which is too much"))
            }
            _ => Ok(result),
        });
        self.late(Input::CallEnded { call, outcome });
    }

    /// Asks the model once, outside of the conversation and without tools. Returns its text and its name.
    ///
    /// # Errors
    /// When no model is chosen, or it fails.
    pub(crate) async fn once(
        &self,
        system: &str,
        messages: &[Message],
        max_tokens: Option<u32>,
    ) -> Result<(String, String), Failure> {
        let chosen = self.model();
        let Some((provider, model)) = chosen else {
            return Err(
                Failure::new(FailureKind::Other, "no model is chosen").hint("choose a model")
            );
        };
        let request = Request {
            model: &model,
            system,
            temperature: None,
            max_tokens,
            messages,
            tools: &[],
            completion_tokens: provider.id() == "openai",
        };
        let body = provider.dialect().request(&request).to_string();
        let mut text = String::new();
        let mut raw = Raw::new(&provider, &body);
        model::ask(&self.http, &provider, body, &mut raw, |event| {
            if let super::dialect::ModelEvent::Text(more) = event {
                text.push_str(&more);
            }
        })
        .await?;
        Ok((text, model))
    }
}

/// The request for the next response, and the share of it that the tools take, in percent. The step that
/// is being asked for is empty, so it adds nothing.
fn body(chat: &Chat, provider: &Provider, model: &str) -> (String, u8) {
    let settings = chat.settings();
    let offered = |entry: &&super::catalog::Entry| chat.offers(&entry.server, &entry.tool);
    let tools: Vec<_> = chat.catalog().all().iter().filter(offered).collect();
    let request = Request {
        model,
        system: &settings.system,
        temperature: settings.temperature,
        max_tokens: settings.max_tokens,
        messages: chat.messages(),
        tools: &tools,
        completion_tokens: provider.id() == "openai",
    };
    let body = provider.dialect().request(&request);
    let tools = if tools.is_empty() {
        0
    } else {
        body["tools"].to_string().len()
    };
    let body = body.to_string();
    let share = tools * 100 / body.len().max(1);
    (body, u8::try_from(share).unwrap_or(100))
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
