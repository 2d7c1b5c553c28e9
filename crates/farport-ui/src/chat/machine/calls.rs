//! The calls of a step: checked, permitted, run, and answered.

use farport_client::schema;
use serde_json::Value;

use super::super::conversation::{Call, CallState, Message};
use super::super::dialect;
use super::{Chat, ChatEvent, Decision, Effect, EndReason, Phase, Refused, Rule};

/// The most log messages of a call that are kept.
const MOST_LOGS: usize = 100;
/// The longest log message, in bytes.
const LONGEST_LOG: usize = 4096;

/// The length of a result as JSON.
pub(super) fn length(result: Option<&Value>) -> usize {
    result.map_or(0, |result| result.to_string().len())
}

/// Adds a log message to a call.
pub(super) fn log(call: &mut Call, mut text: String) {
    if text.len() > LONGEST_LOG {
        let mut end = LONGEST_LOG;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    if call.logs.len() >= MOST_LOGS {
        call.logs.remove(0);
    }
    call.logs.push(text);
}

impl Chat {
    /// Checks every call of the step, and starts those that are permitted.
    pub(super) fn begin_calls(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.enter(Phase::Calling);
        let numbers: Vec<u64> = match self.messages.last() {
            Some(Message::Assistant(step)) => step.calls().map(|call| call.number).collect(),
            _ => Vec::new(),
        };
        for number in numbers {
            let Some(call) = self.call(number).cloned() else {
                continue;
            };
            let (arguments, state, failure) = match self.check(&call) {
                Ok(arguments) => {
                    let state = match self.rule(&call) {
                        Some(Rule::Always) => CallState::Running,
                        Some(Rule::Never) => CallState::Refused,
                        None => CallState::Waiting,
                    };
                    (arguments, state, None)
                }
                Err(why) => (
                    Value::String(call.arguments.clone()),
                    CallState::Invalid,
                    Some(why),
                ),
            };
            effects.push(Effect::Report(ChatEvent::Call {
                call: number,
                server: call.server.clone(),
                tool: call.tool.clone(),
                arguments,
                state,
                failure: failure.clone(),
            }));
            self.update_call(number, |call| {
                call.state = state;
                call.failure = failure;
            });
            if state == CallState::Running {
                self.start(now, number, effects);
            }
        }
        self.calls_done(now, effects);
    }

    /// The arguments of a call, if it can be sent.
    fn check(&self, call: &Call) -> Result<Value, String> {
        let entry = self.catalog.find(&call.name);
        let entry = entry.filter(|entry| self.offers(&entry.server, &entry.tool));
        let Some(entry) = entry else {
            return Err(format!("There is no tool named `{}`.", call.name));
        };
        let arguments = dialect::parsed(&call.arguments)
            .map_err(|why| format!("The call was not sent: {why}."))?;
        let mismatches = schema::mismatches(&entry.schema, &arguments);
        if mismatches.is_empty() {
            return Ok(arguments);
        }
        let mut why =
            "The call was not sent, because its arguments do not match the tool's schema:"
                .to_owned();
        for mismatch in mismatches {
            let place = if mismatch.path.is_empty() {
                "the arguments"
            } else {
                &mismatch.path
            };
            why.push_str(&format!("\n{place}: {}", mismatch.reason));
        }
        Err(why)
    }

    /// Whether a call waits for the user's permission.
    pub(crate) fn is_waiting(&self, number: u64) -> bool {
        self.call(number)
            .is_some_and(|call| call.state == CallState::Waiting)
    }

    fn rule(&self, call: &Call) -> Option<Rule> {
        let key = (call.server.clone(), call.tool.clone());
        let allowed = self.allow_all || self.allowed.contains(&call.tool);
        self.rules
            .get(&key)
            .copied()
            .or(allowed.then_some(Rule::Always))
    }

    fn start(&mut self, now: u64, number: u64, effects: &mut Vec<Effect>) {
        let Some(call) = self.call(number) else {
            return;
        };
        let (server, tool) = (call.server.clone(), call.tool.clone());
        // It was checked before.
        let arguments = dialect::parsed(&call.arguments).unwrap_or_default();
        self.update_call(number, |call| {
            call.state = CallState::Running;
            call.started = Some(now);
        });
        effects.push(Effect::Call {
            call: number,
            server,
            tool,
            arguments,
        });
    }

    pub(super) fn decide(
        &mut self,
        now: u64,
        number: u64,
        decision: Decision,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let found = self
            .call(number)
            .filter(|call| call.state == CallState::Waiting);
        let Some(call) = found else {
            return Err(Refused("this call no longer waits for a decision"));
        };
        let key = (call.server.clone(), call.tool.clone());
        let rule = match decision {
            Decision::Always => Some(Rule::Always),
            Decision::Never => Some(Rule::Never),
            Decision::Once | Decision::Refuse => None,
        };
        let mut numbers = vec![number];
        if let Some(rule) = rule {
            // The decision is for the other calls of this tool that wait, too.
            if let Some(Message::Assistant(step)) = self.messages.last() {
                let same = |call: &&Call| {
                    call.number != number
                        && call.state == CallState::Waiting
                        && (&call.server, &call.tool) == (&key.0, &key.1)
                };
                numbers.extend(step.calls().filter(same).map(|call| call.number));
            }
            self.rules.insert(key, rule);
            self.changes.rest = true;
        }
        for number in numbers {
            match decision {
                Decision::Once | Decision::Always => self.start(now, number, effects),
                Decision::Refuse | Decision::Never => {
                    self.update_call(number, |call| call.state = CallState::Refused);
                    self.report_result(number, effects);
                }
            }
        }
        self.calls_done(now, effects);
        Ok(())
    }

    pub(super) fn call_ended(
        &mut self,
        now: u64,
        number: u64,
        outcome: Result<Value, String>,
        effects: &mut Vec<Effect>,
    ) {
        let running = self
            .call(number)
            .is_some_and(|call| call.state == CallState::Running);
        if !running {
            return;
        }
        self.update_call(number, |call| {
            call.ms = call.started.map(|started| now.saturating_sub(started));
            match outcome {
                Ok(result) => {
                    call.state = CallState::Done;
                    call.bytes = length(Some(&result));
                    call.result = Some(result);
                }
                Err(why) => {
                    call.state = CallState::Failed;
                    call.failure = Some(why);
                }
            }
        });
        self.report_result(number, effects);
        self.bound_results();
        self.calls_done(now, effects);
    }

    fn report_result(&self, number: u64, effects: &mut Vec<Effect>) {
        let Some(call) = self.call(number) else {
            return;
        };
        effects.push(Effect::Report(ChatEvent::Result {
            call: number,
            tool: call.tool.clone(),
            state: call.state,
            result: call.result.clone(),
            failure: call.failure.clone(),
            ms: call.ms,
        }));
    }

    /// Starts the next step once every call has ended.
    fn calls_done(&mut self, now: u64, effects: &mut Vec<Effect>) {
        let done = match self.messages.last() {
            Some(Message::Assistant(step)) => step.calls().all(|call| call.state.is_final()),
            _ => false,
        };
        if self.phase != Phase::Calling || !done {
            return;
        }
        if self.steps >= self.settings.steps.max(1) {
            self.end(Phase::Limit, EndReason::Limit, None, effects);
        } else {
            self.begin_step(now, effects);
        }
    }

    /// A call of the last step.
    fn call(&self, number: u64) -> Option<&Call> {
        match self.messages.last() {
            Some(Message::Assistant(step)) => step.calls().find(|call| call.number == number),
            _ => None,
        }
    }

    pub(super) fn update_call(&mut self, number: u64, change: impl FnOnce(&mut Call)) {
        let at = self.messages.len().saturating_sub(1);
        if let Some(Message::Assistant(step)) = self.messages.last_mut()
            && let Some(call) = step.calls_mut().find(|call| call.number == number)
        {
            change(call);
            self.changes.messages.insert(at);
        }
    }
}
