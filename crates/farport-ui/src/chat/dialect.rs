//! The APIs of model providers: how a request is written, and how a stream of events is read.
//!
//! Both readers are tolerant: servers that call themselves compatible differ in many small ways, and a
//! difference that has one sensible meaning is no error. The tables in the tests list them.

pub(crate) mod anthropic;
mod fault;
pub(crate) mod openai;
mod think;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalog::Entry;
use super::conversation::{Failure, Message, Stop, Usage};

pub(crate) use fault::of_response;

/// The most tool calls of one response.
const MOST_CALLS: usize = 64;

/// The API of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's Chat Completions, which most providers and local servers have.
    #[default]
    Openai,
    /// Anthropic's Messages.
    Anthropic,
}

impl Dialect {
    /// Its name in settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The dialect with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Openai, Self::Anthropic]
            .into_iter()
            .find(|one| one.name() == name)
    }
}

/// What a request to a model is made of.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) model: &'a str,
    pub(crate) system: &'a str,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [&'a Entry],
    /// Whether the limit is called `max_completion_tokens`, as OpenAI's own models require.
    pub(crate) completion_tokens: bool,
}

/// What a model's response consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelEvent {
    /// More text.
    Text(String),
    /// More reasoning.
    Reasoning(String),
    /// The signature of the reasoning so far, which ends it.
    Signature(String),
    /// Reasoning that the provider encrypted.
    Redacted(String),
    /// A tool call starts. `slot` numbers the calls of the response.
    Call {
        /// The number of the call.
        slot: usize,
        /// The model's id for it.
        id: String,
        /// The name of the tool.
        name: String,
    },
    /// More of the arguments of a call.
    Arguments {
        /// The number of the call.
        slot: usize,
        /// JSON text.
        text: String,
    },
    /// What has been used so far.
    Usage(Usage),
    /// Why the model stopped.
    Stop(Stop),
}

impl Dialect {
    /// The body of a request.
    pub(crate) fn request(self, request: &Request<'_>) -> Value {
        match self {
            Self::Openai => openai::request(request),
            Self::Anthropic => anthropic::request(request),
        }
    }
}

/// Reads the events of a response.
#[derive(Debug)]
pub(crate) enum Reader {
    Openai(openai::Reader),
    Anthropic(anthropic::Reader),
}

impl Reader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Openai => Self::Openai(openai::Reader::default()),
            Dialect::Anthropic => Self::Anthropic(anthropic::Reader::default()),
        }
    }

    /// Reads one event of the stream.
    pub(crate) fn event(&mut self, name: &str, data: &str) -> Result<Vec<ModelEvent>, Failure> {
        match self {
            Self::Openai(reader) => reader.event(data),
            Self::Anthropic(reader) => reader.event(name, data),
        }
    }

    /// Reads a response that is no stream.
    pub(crate) fn whole(&mut self, body: &str) -> Result<Vec<ModelEvent>, Failure> {
        match self {
            Self::Openai(reader) => reader.event(body),
            Self::Anthropic(reader) => reader.whole(body),
        }
    }

    /// What the end of the stream completes.
    ///
    /// # Errors
    /// When the stream ended before the response was complete.
    pub(crate) fn end(self) -> Result<Vec<ModelEvent>, Failure> {
        match self {
            Self::Openai(reader) => reader.end(),
            Self::Anthropic(reader) => reader.end(),
        }
    }
}

/// Arguments as JSON text: most servers send text, some an object.
fn arguments(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => Some(other.to_string()),
    }
}

/// The arguments of a call as an object. No arguments are an empty one.
pub(crate) fn parsed(arguments: &str) -> Result<Value, String> {
    if arguments.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("the arguments must be a JSON object".to_owned()),
        Err(error) => Err(format!("the arguments are not valid JSON: {error}")),
    }
}

/// An id with only the characters that every provider accepts.
fn plain_id(id: &str) -> String {
    let plain: String = id
        .chars()
        .map(|char| match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => char,
            _ => '_',
        })
        .take(64)
        .collect();
    if plain.is_empty() {
        "call".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests;
