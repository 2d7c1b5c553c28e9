//! One step: the model is asked, and responds.

use super::super::conversation::{Failure, Message, Part, Step, Stop};
use super::super::dialect::ModelEvent;
use super::{Chat, ChatEvent, Effect, EndReason, Phase};
use crate::chat::conversation::{Call, CallState};

/// The most text of one part, in bytes.
const MOST_TEXT: usize = 4 * 1024 * 1024;

impl Chat {
    pub(super) fn ask(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.steps += 1;
        self.slots.clear();
        let id = self.number();
        self.push(Message::Assistant(Step {
            id,
            started: now,
            ..Step::default()
        }));
        self.enter(Phase::Asking);
        effects.push(Effect::Report(ChatEvent::Step { number: self.steps }));
        effects.push(Effect::Ask { step: id });
    }

    /// The step that runs, if it is the one with this id.
    pub(super) fn current(&mut self, id: u64) -> Option<&mut Step> {
        let at = self.messages.len().checked_sub(1)?;
        match self.messages.last_mut() {
            Some(Message::Assistant(step)) if step.id == id && self.phase == Phase::Asking => {
                self.changes.messages.insert(at);
                Some(step)
            }
            _ => None,
        }
    }

    pub(super) fn model(
        &mut self,
        now: u64,
        id: u64,
        event: ModelEvent,
        effects: &mut Vec<Effect>,
    ) {
        let number = self.last_number + 1;
        let slots = std::mem::take(&mut self.slots);
        let mut starts = None;
        if let Some(step) = self.current(id) {
            let content = !matches!(event, ModelEvent::Usage(_) | ModelEvent::Stop(_));
            if content && step.first_ms.is_none() {
                step.first_ms = Some(now.saturating_sub(step.started));
            }
            match event {
                ModelEvent::Text(text) => {
                    match step.parts.last_mut() {
                        Some(Part::Text { text: before }) => append(before, &text),
                        _ => step.parts.push(Part::Text { text: text.clone() }),
                    }
                    effects.push(Effect::Report(ChatEvent::Text { text }));
                }
                ModelEvent::Reasoning(text) => {
                    match step.parts.last_mut() {
                        // A signature ends the reasoning before it.
                        Some(Part::Reasoning {
                            text: before,
                            signature: None,
                            redacted: None,
                        }) => {
                            append(before, &text);
                        }
                        _ => step.parts.push(Part::Reasoning {
                            text: text.clone(),
                            signature: None,
                            redacted: None,
                        }),
                    }
                    effects.push(Effect::Report(ChatEvent::Reasoning { text }));
                }
                // A signature may come in pieces.
                ModelEvent::Signature(signed) => match step.parts.last_mut() {
                    Some(Part::Reasoning {
                        signature,
                        redacted: None,
                        ..
                    }) => {
                        append(signature.get_or_insert_default(), &signed);
                    }
                    _ => step.parts.push(Part::Reasoning {
                        text: String::new(),
                        signature: Some(signed),
                        redacted: None,
                    }),
                },
                ModelEvent::Redacted(data) => step.parts.push(Part::Reasoning {
                    text: String::new(),
                    signature: None,
                    redacted: Some(data),
                }),
                ModelEvent::Call { slot, id, name } => {
                    if slot == slots.len() {
                        starts = Some(step.parts.len());
                        step.parts.push(Part::Call(Box::new(Call {
                            number,
                            id,
                            name,
                            ..Call::default()
                        })));
                    }
                }
                ModelEvent::Arguments { slot, text } => {
                    let part = slots.get(slot).and_then(|at| step.parts.get_mut(*at));
                    if let Some(Part::Call(call)) = part {
                        append(&mut call.arguments, &text);
                    }
                }
                ModelEvent::Usage(usage) => step.usage = Some(usage),
                ModelEvent::Stop(stop) => step.stop = Some(stop),
            }
        }
        self.slots = slots;
        if let Some(at) = starts {
            self.slots.push(at);
            self.last_number = number;
            self.name_call(number);
        }
    }

    /// Finds the server of a call as soon as its name is known.
    fn name_call(&mut self, number: u64) {
        let Some(Message::Assistant(step)) = self.messages.last_mut() else {
            return;
        };
        let catalog = &self.catalog;
        if let Some(call) = step.calls_mut().find(|call| call.number == number) {
            match catalog.find(&call.name) {
                Some(entry) => {
                    call.server.clone_from(&entry.server);
                    call.tool.clone_from(&entry.tool);
                }
                None => call.tool.clone_from(&call.name),
            }
        }
    }

    pub(super) fn model_ended(
        &mut self,
        now: u64,
        id: u64,
        failure: Option<Failure>,
        effects: &mut Vec<Effect>,
    ) {
        let offered: Vec<String> = self
            .catalog
            .all()
            .iter()
            .map(|entry| entry.name.clone())
            .collect();
        let Some(step) = self.current(id) else { return };
        step.ms = Some(now.saturating_sub(step.started));
        step.failure.clone_from(&failure);
        step.note = note(step, &offered);
        let (usage, stop) = (step.usage, step.stop);
        let empty = step.parts.is_empty() && failure.is_none();
        if empty && step.note.is_none() {
            step.note = Some("The model sent an empty response.".to_owned());
        }
        let has_calls = step.calls().next().is_some();
        if failure.is_some() {
            for call in step.calls_mut() {
                call.state = CallState::Cancelled;
            }
        }
        if let Some(usage) = usage {
            self.turn.add(usage);
            self.total.add(usage);
            effects.push(Effect::Report(ChatEvent::Usage(usage)));
        }
        if failure.is_some() {
            self.end(Phase::Idle, EndReason::Failed, failure, effects);
        } else if has_calls {
            self.begin_calls(now, effects);
        } else {
            let reason = match stop {
                Some(Stop::Length | Stop::Filter) => EndReason::Cut,
                _ => EndReason::Answered,
            };
            self.end(Phase::Idle, reason, None, effects);
        }
    }

    pub(super) fn stop(&mut self, now: u64, effects: &mut Vec<Effect>) {
        let phase = self.phase;
        match phase {
            Phase::Idle | Phase::Limit => return,
            Phase::Listing => {}
            Phase::Asking => effects.push(Effect::CancelModel),
            Phase::Calling => {}
        }
        let at = self.messages.len().saturating_sub(1);
        if let Some(Message::Assistant(step)) = self.messages.last_mut() {
            if phase == Phase::Asking {
                step.ms = Some(now.saturating_sub(step.started));
            }
            step.stop = Some(Stop::User);
            for call in step.calls_mut().filter(|call| !call.state.is_final()) {
                if call.state == CallState::Running {
                    effects.push(Effect::CancelCall { call: call.number });
                    call.ms = call.started.map(|started| now.saturating_sub(started));
                }
                call.state = CallState::Cancelled;
            }
            self.changes.messages.insert(at);
        }
        self.end(Phase::Idle, EndReason::Stopped, None, effects);
    }
}

fn append(text: &mut String, more: &str) {
    if text.len() < MOST_TEXT {
        text.push_str(more);
    }
}

/// What the user should know about a response.
fn note(step: &Step, offered: &[String]) -> Option<String> {
    match step.stop {
        Some(Stop::Length) => {
            return Some("The response is cut: it reached the limit of its length.".to_owned());
        }
        Some(Stop::Filter) => return Some("The provider withheld the rest.".to_owned()),
        _ => {}
    }
    let text = step.text();
    let written = text.trim_start();
    let looks = written.starts_with("<tool_call>")
        || written.starts_with("<|tool_call")
        || (written.starts_with('{')
            && written.contains("\"name\"")
            && written.contains("\"arguments\""));
    let names_one = offered.iter().any(|name| text.contains(name.as_str()));
    (step.calls().next().is_none() && looks && names_one).then(|| {
        "The model wrote a tool call as text, so no tool was called. Start llama-server with --jinja, or \
         choose a model that is trained to call tools."
            .to_owned()
    })
}
