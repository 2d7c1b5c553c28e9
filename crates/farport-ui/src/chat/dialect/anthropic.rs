//! Anthropic's Messages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::conversation::{
    Failure, FailureKind, Image, Message, Part, Question, Step, Stop, Usage,
};
use super::super::output;
use super::{MOST_CALLS, ModelEvent, Request, fault, parsed, plain_id};

/// The limit of a response, which this API requires.
const MAX_TOKENS: u32 = 8192;

/// The body of a request.
pub(super) fn request(request: &Request<'_>) -> Value {
    let mut turns = Turns::default();
    for message in request.messages {
        match message {
            Message::User(question) => turns.add("user", user(question)),
            Message::Assistant(step) => {
                turns.add("assistant", assistant(step));
                turns.add("user", step.calls().map(result).collect());
            }
        }
    }
    let mut body = json!({
        "model": request.model,
        "max_tokens": request.max_tokens.unwrap_or(MAX_TOKENS),
        "messages": turns.0,
        "stream": true,
    });
    if !request.system.is_empty() {
        body["system"] = json!(request.system);
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({ "name": tool.name, "description": tool.description,
                    "input_schema": tool.parameters() })
        });
        body["tools"] = tools.collect();
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature);
    }
    body
}

/// Messages whose roles alternate.
#[derive(Default)]
struct Turns(Vec<Value>);

impl Turns {
    fn add(&mut self, role: &str, blocks: Vec<Value>) {
        if blocks.is_empty() {
            return;
        }
        if let Some(last) = self.0.last_mut()
            && last["role"] == role
            && let Value::Array(content) = &mut last["content"]
        {
            content.extend(blocks);
            return;
        }
        self.0.push(json!({ "role": role, "content": blocks }));
    }
}

fn user(question: &Question) -> Vec<Value> {
    let mut blocks: Vec<Value> = question.images.iter().map(image).collect();
    if !question.text.is_empty() {
        blocks.push(json!({ "type": "text", "text": question.text }));
    }
    blocks
}

fn image(image: &Image) -> Value {
    json!({ "type": "image",
            "source": { "type": "base64", "media_type": image.mime, "data": image.data } })
}

fn assistant(step: &Step) -> Vec<Value> {
    let mut blocks = Vec::new();
    for part in &step.parts {
        match part {
            Part::Reasoning {
                redacted: Some(data),
                ..
            } => {
                blocks.push(json!({ "type": "redacted_thinking", "data": data }));
            }
            // Without its signature the provider would refuse it.
            Part::Reasoning {
                text,
                signature: Some(signature),
                ..
            } => {
                blocks
                    .push(json!({ "type": "thinking", "thinking": text, "signature": signature }));
            }
            Part::Reasoning { .. } => {}
            Part::Text { text } if text.trim().is_empty() => {}
            Part::Text { text } => blocks.push(json!({ "type": "text", "text": text })),
            Part::Call(call) => blocks.push(json!({
                "type": "tool_use", "id": plain_id(&call.id), "name": call.name,
                "input": parsed(&call.arguments).unwrap_or_else(|_| json!({})),
            })),
        }
    }
    // Reasoning alone is no message.
    if blocks
        .iter()
        .any(|block| block["type"] == "text" || block["type"] == "tool_use")
    {
        blocks
    } else {
        Vec::new()
    }
}

fn result(call: &super::super::conversation::Call) -> Value {
    let result = output::for_model(call);
    let mut content: Vec<Value> = Vec::new();
    if !result.text.is_empty() {
        content.push(json!({ "type": "text", "text": result.text }));
    }
    content.extend(result.images.iter().map(image));
    json!({ "type": "tool_result", "tool_use_id": plain_id(&call.id), "content": content,
            "is_error": result.is_error })
}

/// Reads a stream, or a response that is none.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The calls by the index of their block.
    calls: BTreeMap<u64, Pending>,
    usage: Usage,
    complete: bool,
    anything: bool,
}

#[derive(Debug)]
struct Pending {
    slot: usize,
    /// The input of the start of the block, which counts if no text of it follows.
    whole: Option<String>,
}

impl Reader {
    pub(super) fn event(&mut self, name: &str, data: &str) -> Result<Vec<ModelEvent>, Failure> {
        // Some gateways end the stream as OpenAI does.
        if data.trim() == "[DONE]" {
            return Ok(Vec::new());
        }
        let event: Value = serde_json::from_str(data).map_err(|error| {
            let why = format!("the provider sent an event that is not valid JSON: {error}");
            Failure::new(FailureKind::Malformed, why).hint("retry")
        })?;
        let kind = event["type"].as_str().unwrap_or(name);
        let mut events = Vec::new();
        match kind {
            "error" => return Err(fault::of_event(&event)),
            "message_start" => self.used(&event["message"]["usage"], &mut events),
            "content_block_start" => self.start(&event, &mut events),
            "content_block_delta" => self.delta(&event, &mut events),
            "content_block_stop" => {
                let call = event["index"]
                    .as_u64()
                    .and_then(|at| self.calls.get_mut(&at));
                if let Some(call) = call
                    && let Some(text) = call.whole.take()
                {
                    events.push(ModelEvent::Arguments {
                        slot: call.slot,
                        text,
                    });
                }
            }
            "message_delta" => {
                if let Some(stop) = stop(&event["delta"]["stop_reason"]) {
                    self.complete = true;
                    events.push(ModelEvent::Stop(stop));
                }
                self.used(&event["usage"], &mut events);
            }
            "message_stop" => self.complete = true,
            "message" => return self.whole(data),
            _ if !event["error"].is_null() => return Err(fault::of_event(&event)),
            _ => {}
        }
        self.anything |= !events.is_empty();
        Ok(events)
    }

    fn start(&mut self, event: &Value, events: &mut Vec<ModelEvent>) {
        let block = &event["content_block"];
        let text = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
        match block["type"].as_str() {
            Some("text") if !text("text").is_empty() => events.push(ModelEvent::Text(text("text"))),
            Some("thinking") => {
                if !text("thinking").is_empty() {
                    events.push(ModelEvent::Reasoning(text("thinking")));
                }
                if !text("signature").is_empty() {
                    events.push(ModelEvent::Signature(text("signature")));
                }
            }
            Some("redacted_thinking") => events.push(ModelEvent::Redacted(text("data"))),
            Some("tool_use") if self.calls.len() < MOST_CALLS => {
                let slot = self.calls.len();
                let index = event["index"].as_u64().unwrap_or(slot as u64);
                let given = block["input"].as_object().filter(|given| !given.is_empty());
                let whole = given.map(|given| Value::Object(given.clone()).to_string());
                let id = match text("id") {
                    id if id.is_empty() => format!("call_{}", slot + 1),
                    id => id,
                };
                events.push(ModelEvent::Call {
                    slot,
                    id,
                    name: text("name"),
                });
                self.calls.insert(index, Pending { slot, whole });
            }
            _ => {}
        }
    }

    fn delta(&mut self, event: &Value, events: &mut Vec<ModelEvent>) {
        let delta = &event["delta"];
        let text = |name: &str| delta[name].as_str().unwrap_or_default().to_owned();
        match delta["type"].as_str() {
            Some("text_delta") => events.push(ModelEvent::Text(text("text"))),
            Some("thinking_delta") => events.push(ModelEvent::Reasoning(text("thinking"))),
            Some("signature_delta") => events.push(ModelEvent::Signature(text("signature"))),
            Some("input_json_delta") => {
                let call = match event["index"].as_u64() {
                    Some(at) => self.calls.get_mut(&at),
                    None => self.calls.values_mut().max_by_key(|call| call.slot),
                };
                let text = text("partial_json");
                if let Some(call) = call
                    && !text.is_empty()
                {
                    call.whole = None;
                    events.push(ModelEvent::Arguments {
                        slot: call.slot,
                        text,
                    });
                }
            }
            _ => {}
        }
    }

    fn used(&mut self, usage: &Value, events: &mut Vec<ModelEvent>) {
        let count = |name: &str| usage[name].as_u64();
        let cached = count("cache_read_input_tokens").unwrap_or(0);
        let created = count("cache_creation_input_tokens").unwrap_or(0);
        if let Some(input) = count("input_tokens") {
            self.usage.input = input + cached + created;
            self.usage.cached = cached;
        }
        if let Some(output) = count("output_tokens") {
            self.usage.output = output;
        }
        if !usage.is_null() {
            events.push(ModelEvent::Usage(self.usage));
        }
    }

    pub(super) fn whole(&mut self, body: &str) -> Result<Vec<ModelEvent>, Failure> {
        let message: Value = serde_json::from_str(body).map_err(|error| {
            let why = format!("the provider's response is not valid JSON: {error}");
            Failure::new(FailureKind::Malformed, why)
        })?;
        if !message["error"].is_null() {
            return Err(fault::of_event(&message));
        }
        let mut events = Vec::new();
        let empty = Vec::new();
        for (at, block) in message["content"]
            .as_array()
            .unwrap_or(&empty)
            .iter()
            .enumerate()
        {
            self.start(&json!({ "index": at, "content_block": block }), &mut events);
            if let Some(call) = self.calls.get_mut(&(at as u64))
                && let Some(text) = call.whole.take()
            {
                events.push(ModelEvent::Arguments {
                    slot: call.slot,
                    text,
                });
            }
        }
        if let Some(stop) = stop(&message["stop_reason"]) {
            events.push(ModelEvent::Stop(stop));
        }
        self.used(&message["usage"], &mut events);
        self.complete = true;
        Ok(events)
    }

    pub(super) fn end(self) -> Result<Vec<ModelEvent>, Failure> {
        if !self.complete {
            let why = if self.anything {
                "the connection to the provider ended before the response was complete"
            } else {
                "the provider sent an empty response"
            };
            return Err(Failure::new(FailureKind::Broken, why).hint("retry"));
        }
        Ok(Vec::new())
    }
}

fn stop(reason: &Value) -> Option<Stop> {
    Some(match reason.as_str()? {
        "tool_use" => Stop::Tools,
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "refusal" => Stop::Filter,
        _ => Stop::End,
    })
}
