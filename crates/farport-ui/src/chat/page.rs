//! The chat of the page: its servers, its providers, and the events that show it.

mod keys;
mod others;
mod server;
mod view;

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::conversation::{Failure, Image, Message, Question};
use super::machine::{Changes, Chat, ChatEvent, ChatSettings, Decision, Input};
use super::providers::{self, Model, Provider};
use super::run::{Host, Session};
use super::server::Server;
use super::{dialect::Dialect, transfer};
use crate::state::{State, lock};
use crate::target::Target;
use crate::timeline::{Note, Topic};
use others::Other;
pub(crate) use server::of_view;

/// How long changes of a stream are gathered before the page receives them.
const GATHER: Duration = Duration::from_millis(40);
/// The most providers that the user enters.
const MOST_PROVIDERS: usize = 32;
/// The most servers besides the inspector's.
const MOST_SERVERS: usize = 16;

/// How the chat of an inspector starts.
#[derive(Debug, Default)]
pub struct ChatStart {
    /// The providers that the environment names.
    pub providers: Vec<Provider>,
    /// The servers besides the inspector's own target.
    pub servers: Vec<Target>,
    /// Whether the page opens on its Chat view.
    pub open: bool,
}

/// The chat of the page.
pub(crate) struct PageChat {
    state: Weak<State>,
    session: Arc<Session>,
    providers: Mutex<Vec<Arc<Provider>>>,
    others: Mutex<Vec<Arc<Other>>>,
    pending: Mutex<Pending>,
    /// The chosen provider and model.
    chosen: Mutex<Option<(String, String)>>,
}

/// Changes that the page has not received.
#[derive(Default)]
struct Pending {
    changes: Changes,
    scheduled: bool,
}

/// What the page does.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Act {
    Send {
        text: String,
        #[serde(default)]
        images: Vec<Image>,
    },
    Edit {
        at: usize,
        text: String,
    },
    Retry {},
    Continue {},
    DropOldest {},
    Stop {},
    Decide {
        call: u64,
        decision: Decision,
    },
    Model {
        provider: String,
        model: String,
    },
    Settings {
        settings: ChatSettings,
    },
    AskAgain {
        server: String,
        tool: String,
    },
    Clear {},
    AddServer {
        url: String,
        #[serde(default)]
        allow_http: bool,
    },
    RemoveServer {
        name: String,
    },
    RefreshTools {},
}

struct PageHost(Weak<State>);

impl Host for PageHost {
    fn servers(&self) -> Vec<Arc<dyn Server>> {
        self.0
            .upgrade()
            .map(|state| server::all(&state))
            .unwrap_or_default()
    }

    fn event(&self, event: &ChatEvent) {
        let (ChatEvent::Usage(usage), Some(state)) = (event, self.0.upgrade()) else {
            return;
        };
        let (input, output) = (usage.input, usage.output);
        let text = format!("The model read {input} tokens and wrote {output}");
        state.note_beside(Note {
            topic: Topic::Model,
            text,
        });
    }
}

impl PageChat {
    pub(crate) fn new(state: Weak<State>, providers: Vec<Provider>) -> Self {
        let observed = Weak::clone(&state);
        let changed = Box::new(move |chat: &Chat, changes: &Changes, streams: bool| {
            if let Some(state) = observed.upgrade() {
                state.chat().changed(chat, changes, streams);
            }
        });
        let session = Session::observed(Box::new(PageHost(Weak::clone(&state))), Some(changed));
        Self {
            state,
            session,
            providers: Mutex::new(providers.into_iter().map(Arc::new).collect()),
            others: Mutex::default(),
            pending: Mutex::default(),
            chosen: Mutex::default(),
        }
    }

    pub(crate) fn tools_changed(&self) {
        // The list is requested before the next step.
        if let Err(why) = self.session.input(Input::ToolsChanged) {
            tracing::debug!(why, "the tools are not requested again");
        }
    }

    /// Handles what the user does.
    pub(crate) async fn act(&self, act: Act) -> Result<(), String> {
        let input = match act {
            Act::Send { text, images } => Input::Send { text, images },
            Act::Edit { at, text } => Input::Edit { at, text },
            Act::Retry {} => Input::Retry,
            Act::Continue {} => Input::Continue,
            Act::DropOldest {} => Input::DropOldest,
            Act::Stop {} => Input::Stop,
            Act::Decide { call, decision } => Input::Decide { call, decision },
            Act::Model { provider, model } => return self.choose(&provider, model).await,
            Act::Settings { settings } => {
                self.session.set(settings);
                return Ok(());
            }
            Act::AskAgain { server, tool } => {
                self.session.edit(|chat| chat.ask_again(&server, &tool));
                return Ok(());
            }
            Act::Clear {} => {
                let cleared = self.session.edit(|chat| chat.replace(Vec::new()));
                return cleared.map_err(|error| error.to_string());
            }
            Act::AddServer { url, allow_http } => {
                return self.add_server(Target::new(url, Vec::new(), allow_http));
            }
            Act::RemoveServer { name } => {
                self.remove_server(&name);
                return Ok(());
            }
            Act::RefreshTools {} => {
                tokio::spawn(Arc::clone(&self.session).refresh());
                return Ok(());
            }
        };
        self.session.input(input)
    }

    async fn choose(&self, provider: &str, model: String) -> Result<(), String> {
        let found = self.unlocked(provider).await?;
        *lock(&self.chosen) = Some((provider.to_owned(), model.clone()));
        self.session.choose(found, model);
        self.session.edit(|chat| chat.set(chat.settings().clone()));
        Ok(())
    }

    /// The chosen provider and model.
    pub(crate) fn chosen(&self) -> Option<Value> {
        let chosen = lock(&self.chosen);
        chosen
            .as_ref()
            .map(|(provider, model)| json!({ "provider": provider, "model": model }))
    }

    fn provider(&self, id: &str) -> Result<Arc<Provider>, String> {
        let providers = lock(&self.providers);
        let found = providers.iter().find(|one| one.id() == id).cloned();
        found.ok_or_else(|| "this provider is no longer known".to_owned())
    }

    /// The providers, after a look for those on this machine if `probe`.
    pub(crate) async fn providers(&self, probe: bool) -> Value {
        if probe {
            let found = providers::probe(self.session.http()).await;
            let mut known = lock(&self.providers);
            for provider in found {
                if known.iter().all(|one| one.id() != provider.id()) {
                    known.push(Arc::new(provider));
                }
            }
        }
        let known = lock(&self.providers);
        json!(known.iter().map(|one| one.shown()).collect::<Vec<_>>())
    }

    pub(crate) async fn models(&self, provider: &str) -> Result<Vec<Model>, Failure> {
        let missing = |why| Failure::new(super::FailureKind::Other, why);
        let provider = self.unlocked(provider).await.map_err(missing)?;
        let mut models = provider.models(self.session.http()).await?;
        // llama-server has one model, and tells its context elsewhere.
        if let [only] = &mut models[..]
            && only.context.is_none()
        {
            only.context = provider.context(self.session.http()).await;
        }
        Ok(models)
    }

    /// Adds a provider that the user entered. Its key stays in this process.
    pub(crate) fn add_provider(
        &self,
        label: &str,
        dialect: Dialect,
        base_url: &str,
        key: Option<secrecy::SecretString>,
    ) -> Result<String, String> {
        let mut known = lock(&self.providers);
        let mut number = 1;
        let entered = |id: &str| known.iter().any(|one| one.id() == id);
        while entered(&format!("entered-{number}")) {
            number += 1;
        }
        if number > MOST_PROVIDERS {
            return Err("there are too many providers".to_owned());
        }
        let id = format!("entered-{number}");
        let label = match label.trim() {
            "" => base_url,
            label => label,
        };
        let provider = Provider::new(&id, label, dialect, base_url, key, "entered on this page");
        let provider = provider.map_err(|error| error.to_string())?;
        known.push(Arc::new(provider));
        Ok(id)
    }

    /// The whole result of a call.
    pub(crate) fn result(&self, number: u64) -> Option<Value> {
        self.session.read(|chat| {
            chat.messages().iter().find_map(|message| match message {
                Message::Assistant(step) => {
                    let call = step.calls().find(|call| call.number == number)?;
                    call.result.clone()
                }
                Message::User(_) => None,
            })
        })
    }

    /// The exact request and response of a step.
    pub(crate) fn raw(&self, step: u64) -> Option<Value> {
        self.session.raw(step).map(|raw| json!(raw))
    }

    pub(crate) fn export(&self) -> String {
        self.session.read(transfer::export)
    }

    pub(crate) fn import(&self, text: &str) -> Result<(), String> {
        let settings = self.session.read(|chat| chat.settings().clone());
        let (messages, settings) = transfer::import(text, &settings)?;
        self.session.edit(|chat| {
            chat.replace(messages).map_err(|error| error.to_string())?;
            chat.set(settings);
            Ok(())
        })
    }

    /// Lets the chosen model answer a request of a server (`sampling/createMessage`). The user sees the
    /// answer before the server does.
    pub(crate) async fn sample(&self, params: &Value) -> Result<Value, Failure> {
        let empty = Vec::new();
        let all = params["messages"].as_array().unwrap_or(&empty);
        let messages: Vec<Message> = all.iter().map(sampled).collect();
        let system = params["systemPrompt"].as_str().unwrap_or_default();
        let most = params["maxTokens"]
            .as_u64()
            .and_then(|most| u32::try_from(most).ok());
        let (text, model) = self.session.once(system, &messages, most).await?;
        Ok(json!({ "text": text, "model": model }))
    }

    /// The chat as events, for a page that opens.
    pub(crate) fn snapshot(&self) -> String {
        self.session.read(|chat| {
            let all = Changes {
                messages: (0..chat.messages().len()).collect(),
                reset: true,
                rest: true,
            };
            let mut lines = String::new();
            self.events(chat, &all, |line| {
                lines.push_str(line);
                lines.push('\n');
            });
            lines
        })
    }

    fn changed(&self, chat: &Chat, changes: &Changes, streams: bool) {
        let mut pending = lock(&self.pending);
        pending.changes.messages.extend(&changes.messages);
        pending.changes.reset |= changes.reset;
        pending.changes.rest |= changes.rest;
        if !streams {
            let changes = std::mem::take(&mut pending.changes);
            drop(pending);
            self.publish(chat, &changes);
        } else if !std::mem::replace(&mut pending.scheduled, true) {
            let state = Weak::clone(&self.state);
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                if let Some(state) = state.upgrade() {
                    state.chat().flush();
                }
            });
        }
    }

    fn flush(&self) {
        self.session.read(|chat| {
            let changes = {
                let mut pending = lock(&self.pending);
                pending.scheduled = false;
                std::mem::take(&mut pending.changes)
            };
            self.publish(chat, &changes);
        });
    }

    fn publish(&self, chat: &Chat, changes: &Changes) {
        if let Some(state) = self.state.upgrade() {
            self.events(chat, changes, |line| state.send_line(line));
        }
    }

    /// Shows the servers again.
    fn servers_changed(&self) {
        self.session.edit(|chat| chat.set(chat.settings().clone()));
    }
}

/// A message of a request for sampling.
fn sampled(message: &Value) -> Message {
    let one = [message["content"].clone()];
    let blocks = message["content"]
        .as_array()
        .map_or(&one[..], |all| &all[..]);
    let texts = blocks.iter().filter_map(|block| block["text"].as_str());
    let text = texts.collect::<Vec<_>>().join("\n");
    if message["role"] == "assistant" {
        return Message::Assistant(super::Step {
            parts: vec![super::Part::Text { text }],
            ..super::Step::default()
        });
    }
    let images = blocks.iter().filter_map(|block| {
        Some(Image {
            mime: block["mimeType"].as_str()?.to_owned(),
            data: block["data"].as_str()?.to_owned(),
        })
    });
    let images = images
        .filter(|image| image.mime.starts_with("image/"))
        .collect();
    Message::User(Question { text, images })
}
