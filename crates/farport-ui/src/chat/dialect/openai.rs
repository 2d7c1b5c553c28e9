//! OpenAI's Chat Completions.

use serde_json::{Value, json};

use super::super::conversation::{
    Failure, FailureKind, Image, Message, Question, Step, Stop, Usage,
};
use super::super::output;
use super::think::Splitter;
use super::{MOST_CALLS, ModelEvent, Request, arguments, fault, parsed};

/// The body of a request.
pub(super) fn request(request: &Request<'_>) -> Value {
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({ "role": "system", "content": request.system }));
    }
    for message in request.messages {
        match message {
            Message::User(question) => messages.push(user(question)),
            Message::Assistant(step) => assistant(step, &mut messages),
        }
    }
    let mut body = json!({
        "model": request.model,
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({ "type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.parameters(),
            } })
        });
        body["tools"] = tools.collect();
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(most) = request.max_tokens {
        let name = if request.completion_tokens {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body[name] = json!(most);
    }
    body
}

fn user(question: &Question) -> Value {
    if question.images.is_empty() {
        return json!({ "role": "user", "content": question.text });
    }
    let mut parts: Vec<Value> = Vec::new();
    if !question.text.is_empty() {
        parts.push(json!({ "type": "text", "text": question.text }));
    }
    parts.extend(question.images.iter().map(image));
    json!({ "role": "user", "content": parts })
}

fn image(image: &Image) -> Value {
    let url = format!("data:{};base64,{}", image.mime, image.data);
    json!({ "type": "image_url", "image_url": { "url": url } })
}

/// The response of a model, the results of its calls, and their images in a message of the user: the
/// message of a tool carries text only. Reasoning is not sent back: no provider of this dialect requires
/// it, and some refuse it.
fn assistant(step: &Step, messages: &mut Vec<Value>) {
    let text = step.text();
    let calls: Vec<Value> = step
        .calls()
        .map(|call| {
            // A server may refuse arguments that are no JSON.
            let arguments = match parsed(&call.arguments) {
                Ok(_) if !call.arguments.trim().is_empty() => call.arguments.clone(),
                _ => "{}".to_owned(),
            };
            json!({ "id": call.id, "type": "function",
                    "function": { "name": call.name, "arguments": arguments } })
        })
        .collect();
    if text.is_empty() && calls.is_empty() {
        return;
    }
    let mut message = json!({ "role": "assistant", "content": text });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    messages.push(message);
    let mut images = Vec::new();
    for call in step.calls() {
        let result = output::for_model(call);
        let text = match (result.text.is_empty(), result.images.is_empty()) {
            (true, false) => "The result is in the images that follow.".to_owned(),
            _ => result.text,
        };
        messages.push(json!({ "role": "tool", "tool_call_id": call.id, "content": text }));
        if !result.images.is_empty() {
            let title = format!("The images in the result of {}:", call.name);
            images.push(json!({ "type": "text", "text": title }));
            images.extend(result.images.iter().map(image));
        }
    }
    if !images.is_empty() {
        messages.push(json!({ "role": "user", "content": images }));
    }
}

/// Reads a stream, or a response that is none.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    calls: Vec<Pending>,
    text: Splitter,
    /// Whether the response said that it is complete.
    complete: bool,
    anything: bool,
}

/// A call whose parts are arriving.
#[derive(Debug, Default)]
struct Pending {
    index: Option<u64>,
    id: String,
    name: String,
    /// Arguments that came before the name.
    held: String,
    started: bool,
    arguments: String,
}

impl Reader {
    pub(super) fn event(&mut self, data: &str) -> Result<Vec<ModelEvent>, Failure> {
        if data.trim() == "[DONE]" {
            self.complete = true;
            return Ok(Vec::new());
        }
        let event: Value = serde_json::from_str(data).map_err(|error| {
            let why = format!("the provider sent an event that is not valid JSON: {error}");
            Failure::new(FailureKind::Malformed, why).hint("retry")
        })?;
        if !event["error"].is_null() {
            return Err(fault::of_event(&event));
        }
        let mut events = Vec::new();
        let choice = &event["choices"][0];
        let delta = match &choice["delta"] {
            Value::Null => &choice["message"],
            delta => delta,
        };
        for name in ["reasoning_content", "reasoning"] {
            if let Some(text) = delta[name].as_str().filter(|text| !text.is_empty()) {
                events.push(ModelEvent::Reasoning(text.to_owned()));
                break;
            }
        }
        match &delta["content"] {
            Value::String(text) => events.extend(self.text.push(text)),
            Value::Array(parts) => {
                for part in parts {
                    let text = part["text"].as_str().unwrap_or_default();
                    events.extend(self.text.push(text));
                }
            }
            _ => {}
        }
        if let Some(text) = delta["refusal"].as_str() {
            events.extend(self.text.push(text));
        }
        if let Some(calls) = delta["tool_calls"].as_array() {
            // A call ends the text.
            events.extend(self.text.end());
            for call in calls {
                self.call(call, &mut events);
            }
        }
        let stop = match choice["finish_reason"].as_str() {
            None | Some("") => None,
            Some("length") => Some(Stop::Length),
            Some("content_filter") => Some(Stop::Filter),
            Some("tool_calls" | "function_call") => Some(Stop::Tools),
            Some(_) => Some(Stop::End),
        };
        if let Some(stop) = stop {
            self.complete = true;
            events.push(ModelEvent::Stop(stop));
        }
        if let Some(usage) = usage(&event["usage"]) {
            events.push(ModelEvent::Usage(usage));
        }
        self.anything |= !events.is_empty();
        Ok(events)
    }

    fn call(&mut self, delta: &Value, events: &mut Vec<ModelEvent>) {
        let function = &delta["function"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, name) = (text(&delta["id"]), text(&function["name"]));
        let index = delta["index"].as_u64();
        let found = self.slot(index, &id, &name);
        let slot = match found {
            Some(slot) => slot,
            None if self.calls.len() >= MOST_CALLS => return,
            None => {
                self.calls.push(Pending {
                    index,
                    ..Pending::default()
                });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(slot) else {
            return;
        };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        let more = arguments(&function["arguments"]);
        if !call.started && !call.name.is_empty() {
            call.started = true;
            if call.id.is_empty() {
                call.id = format!("call_{}", slot + 1);
            }
            events.push(ModelEvent::Call {
                slot,
                id: call.id.clone(),
                name: call.name.clone(),
            });
            let held = std::mem::take(&mut call.held);
            if !held.is_empty() {
                call.arguments.push_str(&held);
                events.push(ModelEvent::Arguments { slot, text: held });
            }
        }
        let Some(more) = more else { return };
        if call.started {
            call.arguments.push_str(&more);
            events.push(ModelEvent::Arguments { slot, text: more });
        } else {
            call.held.push_str(&more);
        }
    }

    /// The call that a delta continues.
    fn slot(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let continues = |call: &Pending| {
            // Some servers number every call 0, and repeat the name in every delta.
            (id.is_empty() || call.id.is_empty() || call.id == id)
                && (name.is_empty() || call.name.is_empty() || call.name == name)
        };
        if !id.is_empty()
            && let Some(at) = self.calls.iter().position(|call| call.id == id)
        {
            return Some(at);
        }
        if index.is_some() {
            return self
                .calls
                .iter()
                .rposition(|call| call.index == index && continues(call));
        }
        // Without an index: the last call, unless this starts another.
        let last = self.calls.last()?;
        let complete = serde_json::from_str::<Value>(&last.arguments).is_ok();
        let another = !name.is_empty() && (complete || last.name != name) && last.started;
        (continues(last) && !another).then(|| self.calls.len() - 1)
    }

    pub(super) fn end(mut self) -> Result<Vec<ModelEvent>, Failure> {
        if !self.complete {
            let why = if self.anything {
                "the connection to the provider ended before the response was complete"
            } else {
                "the provider sent an empty response"
            };
            return Err(Failure::new(FailureKind::Broken, why).hint("retry"));
        }
        Ok(self.text.end())
    }
}

fn usage(usage: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64();
    let input = count(&usage["prompt_tokens"])?;
    Some(Usage {
        input,
        output: count(&usage["completion_tokens"]).unwrap_or(0),
        cached: count(&usage["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0),
    })
}
