//! The loop of a chat, without I/O: what the user, the model and the tools do goes in; requests and events
//! come out.
//!
//! A turn starts with a message of the user. Each step asks the model once and runs the calls that it
//! requests; the turn ends with a response without calls, a failure, the limit of steps, or when the user
//! stops it. Time is an argument, in milliseconds since 1970.

mod calls;
mod events;
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::conversation::{CallState, Failure, Message, Question, Stop, Usage};
pub use events::{ChatEvent, Decision, EndReason, Input};
pub(crate) use events::{Effect, Phase};

/// The steps of a turn, unless the user continues.
pub const MOST_STEPS: u32 = 20;
/// The most messages of a conversation.
const MOST_MESSAGES: usize = 4000;
/// The most bytes of all results.
const MOST_RESULTS: usize = 256 * 1024 * 1024;

/// How the model is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatSettings {
    /// The system prompt.
    pub system: String,
    /// The temperature. Default: the provider's.
    pub temperature: Option<f64>,
    /// The limit of a response, in tokens. Default: the provider's; 8192 for Anthropic.
    pub max_tokens: Option<u32>,
    /// Tools that the model is not offered: `server` and `tool`.
    pub disabled: BTreeSet<(String, String)>,
    /// Whether the model is offered tools.
    pub tools: bool,
    /// The steps of a turn.
    pub steps: u32,
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self {
            system: String::new(),
            temperature: None,
            max_tokens: None,
            disabled: BTreeSet::new(),
            tools: true,
            steps: MOST_STEPS,
        }
    }
}

/// Whether the user permits or refuses every call of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Always,
    Never,
}

/// Why an input is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) &'static str);

/// A chat.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    messages: Vec<Message>,
    /// The most bytes of all results. The oldest are dropped.
    most_results: usize,
    settings: ChatSettings,
    catalog: Catalog,
    /// Whether the catalog may be outdated.
    stale: bool,
    rules: BTreeMap<(String, String), Rule>,
    /// Tools that are permitted on any server.
    allowed: BTreeSet<String>,
    /// Whether every tool is permitted.
    allow_all: bool,
    phase: Phase,
    /// The steps of this turn.
    steps: u32,
    /// What this turn used, and the whole chat.
    turn: Usage,
    total: Usage,
    /// The parts of the calls of the current step, by slot.
    slots: Vec<usize>,
    last_number: u64,
    changes: Changes,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The messages that changed.
    pub(crate) messages: BTreeSet<usize>,
    /// Whether the list was cut or replaced.
    pub(crate) reset: bool,
    /// Whether anything else changed.
    pub(crate) rest: bool,
}

impl Chat {
    pub(crate) fn new() -> Self {
        Self {
            stale: true,
            most_results: MOST_RESULTS,
            ..Self::default()
        }
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(crate) fn settings(&self) -> &ChatSettings {
        &self.settings
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    pub(crate) fn total(&self) -> Usage {
        self.total
    }

    /// Permits these tools on every server, or every tool.
    pub(crate) fn allow(&mut self, tools: impl IntoIterator<Item = String>, all: bool) {
        self.allowed.extend(tools);
        self.allow_all |= all;
    }

    pub(crate) fn set(&mut self, settings: ChatSettings) {
        self.settings = settings;
        self.changes.rest = true;
    }

    /// Whether the model is offered a tool.
    pub(crate) fn offers(&self, server: &str, tool: &str) -> bool {
        let key = (server.to_owned(), tool.to_owned());
        self.settings.tools && !self.settings.disabled.contains(&key)
    }

    /// The rules of the user, as the page shows them: server, tool, and whether it is permitted.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.rules
            .iter()
            .map(|((server, tool), rule)| (&**server, &**tool, *rule == Rule::Always))
    }

    /// Forgets what the user decided about a tool.
    pub(crate) fn ask_again(&mut self, server: &str, tool: &str) {
        self.rules.remove(&(server.to_owned(), tool.to_owned()));
        self.changes.rest = true;
    }

    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Starts a new conversation with these messages. Decisions of the user end with the old one.
    pub(crate) fn replace(&mut self, messages: Vec<Message>) -> Result<(), Refused> {
        self.require_idle()?;
        if messages.len() > MOST_MESSAGES {
            return Err(Refused("the conversation has too many messages"));
        }
        self.rules.clear();
        self.total = Usage::default();
        self.messages = messages;
        for message in &mut self.messages {
            let Message::Assistant(step) = message else {
                continue;
            };
            self.last_number += 1;
            step.id = self.last_number;
            self.total.add(step.usage.unwrap_or_default());
            for call in step.calls_mut() {
                self.last_number += 1;
                call.number = self.last_number;
                call.request = None;
                call.bytes = calls::length(call.result.as_ref());
                if !call.state.is_final() {
                    call.state = CallState::Cancelled;
                }
            }
        }
        self.phase = Phase::Idle;
        self.changes.reset = true;
        self.changes.rest = true;
        self.changes.messages.extend(0..self.messages.len());
        Ok(())
    }

    /// Handles an input at the time `now`.
    pub(crate) fn input(&mut self, now: u64, input: Input) -> Result<Vec<Effect>, Refused> {
        let mut effects = Vec::new();
        match input {
            Input::Send { text, images } => {
                self.require_idle()?;
                if text.trim().is_empty() && images.is_empty() {
                    return Err(Refused("the message is empty"));
                }
                if self.messages.len() >= MOST_MESSAGES {
                    return Err(Refused("the conversation is too long; start a new chat"));
                }
                self.push(Message::User(Question { text, images }));
                self.begin_turn(now, &mut effects);
            }
            Input::Edit { at, text } => {
                self.require_idle()?;
                let Some(Message::User(question)) = self.messages.get(at) else {
                    return Err(Refused("there is no such message of yours"));
                };
                let images = question.images.clone();
                self.cut(at);
                self.push(Message::User(Question { text, images }));
                self.begin_turn(now, &mut effects);
            }
            Input::Retry => {
                self.require_idle()?;
                self.retry(now, &mut effects)?;
            }
            Input::Continue => {
                if self.phase != Phase::Limit {
                    return Err(Refused("there is nothing to continue"));
                }
                self.steps = 0;
                self.begin_step(now, &mut effects);
            }
            Input::DropOldest => {
                self.require_idle()?;
                if !self.drop_oldest() {
                    return Err(Refused("there are no tool results left to drop"));
                }
                self.retry(now, &mut effects)?;
            }
            Input::Stop => self.stop(now, &mut effects),
            Input::Decide { call, decision } => self.decide(now, call, decision, &mut effects)?,
            Input::Tools(tools) => {
                self.catalog = Catalog::new(tools);
                self.changes.rest = true;
                if self.phase == Phase::Listing {
                    self.ask(now, &mut effects);
                }
            }
            Input::ToolsChanged => self.stale = true,
            Input::ToolsRequested => self.stale = false,
            Input::Asked {
                step,
                model,
                tools_share,
            } => {
                if let Some(current) = self.current(step) {
                    current.model = model;
                    current.tools_share = Some(tools_share);
                }
            }
            Input::Model { step, event } => self.model(now, step, event, &mut effects),
            Input::ModelEnded { step, failure } => {
                self.model_ended(now, step, failure, &mut effects);
            }
            Input::CallSent { call, request } => {
                self.update_call(call, |call| call.request = Some(request));
            }
            Input::CallProgress { call, progress } => {
                self.update_call(call, |call| call.progress = Some(progress));
            }
            Input::CallLog { call, text } => self.update_call(call, |call| calls::log(call, text)),
            Input::CallEnded { call, outcome } => {
                self.call_ended(now, call, outcome, &mut effects);
            }
        }
        Ok(effects)
    }

    fn require_idle(&self) -> Result<(), Refused> {
        match self.phase {
            Phase::Idle | Phase::Limit => Ok(()),
            _ => Err(Refused("the model is still responding; stop it first")),
        }
    }

    fn push(&mut self, message: Message) {
        self.changes.messages.insert(self.messages.len());
        self.messages.push(message);
    }

    fn cut(&mut self, at: usize) {
        self.messages.truncate(at);
        self.changes.reset = true;
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.changes.rest = true;
    }

    fn begin_turn(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.steps = 0;
        self.turn = Usage::default();
        self.begin_step(now, effects);
    }

    fn begin_step(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.stale) {
            self.enter(Phase::Listing);
            effects.push(Effect::ListTools);
        } else {
            self.ask(now, effects);
        }
    }

    /// Asks for the last step again if it failed, and for the whole turn if not.
    fn retry(&mut self, now: u64, effects: &mut Vec<Effect>) -> Result<(), Refused> {
        let incomplete = matches!(self.messages.last(), Some(Message::Assistant(step))
            if step.failure.is_some() || (step.stop == Some(Stop::User) && step.calls().next().is_none()));
        let at = if incomplete {
            self.messages.len() - 1
        } else {
            let user = |message: &Message| matches!(message, Message::User(_));
            let last = self.messages.iter().rposition(user);
            last.ok_or(Refused("there is nothing to retry"))? + 1
        };
        if at > 0 && at <= self.messages.len() {
            self.cut(at);
        }
        self.begin_turn(now, effects);
        Ok(())
    }

    /// Drops the older half of the tool results. False if there are none.
    fn drop_oldest(&mut self) -> bool {
        let kept = |call: &&mut super::conversation::Call| {
            call.state == CallState::Done && !call.dropped && call.result.is_some()
        };
        let mut all = 0;
        for message in &mut self.messages {
            if let Message::Assistant(step) = message {
                all += step.calls_mut().filter(kept).count();
            }
        }
        let mut left = all.div_ceil(2);
        for (at, message) in self.messages.iter_mut().enumerate() {
            let Message::Assistant(step) = message else {
                continue;
            };
            for call in step.calls_mut().filter(kept).take(left) {
                call.dropped = true;
                left -= 1;
                self.changes.messages.insert(at);
            }
        }
        all > 0
    }

    /// Drops the oldest results when all are too large.
    fn bound_results(&mut self) {
        let mut held = 0_usize;
        for (at, message) in self.messages.iter_mut().enumerate().rev() {
            let Message::Assistant(step) = message else {
                continue;
            };
            for call in step.calls_mut() {
                held = held.saturating_add(call.bytes);
                if held > self.most_results && call.bytes > 0 {
                    held -= call.bytes;
                    call.bytes = 0;
                    call.result = None;
                    call.dropped = true;
                    self.changes.messages.insert(at);
                }
            }
        }
    }

    fn end(
        &mut self,
        phase: Phase,
        reason: EndReason,
        failure: Option<Failure>,
        effects: &mut Vec<Effect>,
    ) {
        self.enter(phase);
        effects.push(Effect::Report(ChatEvent::End {
            reason,
            failure,
            usage: self.turn,
        }));
    }
}
