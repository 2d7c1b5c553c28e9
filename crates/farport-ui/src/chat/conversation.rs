//! The conversation: what the user, the model and the tools said.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// A message of the user.
    User(Question),
    /// One response of the model, with the tool calls that it requests.
    Assistant(Step),
}

/// A message of the user.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Question {
    /// The text.
    pub text: String,
    /// Images that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The media type, such as `image/png`.
    pub mime: String,
    /// The bytes, in base64.
    pub data: String,
}

/// One response of the model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// A number that no other step of this chat has.
    pub id: u64,
    /// The model that responded.
    pub model: String,
    /// The parts of the response, in order.
    pub parts: Vec<Part>,
    /// What the step used.
    pub usage: Option<Usage>,
    /// When the request was sent, in milliseconds since 1970.
    pub started: u64,
    /// Milliseconds until the first part arrived.
    pub first_ms: Option<u64>,
    /// Milliseconds until the response was complete.
    pub ms: Option<u64>,
    /// Why the model stopped.
    pub stop: Option<Stop>,
    /// Why there is no complete response.
    pub failure: Option<Failure>,
    /// Something about the response that the user should know.
    pub note: Option<String>,
    /// The share of the request that the tools take, in percent.
    pub tools_share: Option<u8>,
}

impl Step {
    /// The text of the response.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// The tool calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(&**call),
            _ => None,
        })
    }

    pub(crate) fn calls_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Call(call) => Some(&mut **call),
            _ => None,
        })
    }
}

/// A part of a response.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// What the model thought.
    Reasoning {
        /// The text.
        text: String,
        /// The provider's signature, which goes back with the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// Reasoning that the provider encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redacted: Option<String>,
    },
    /// Text for the user.
    Text {
        /// The text, in Markdown.
        text: String,
    },
    /// A call of a tool.
    Call(Box<Call>),
}

/// A call of a tool.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// A number that no other call of this chat has.
    pub number: u64,
    /// The model's id.
    pub id: String,
    /// The name that the model used.
    pub name: String,
    /// The server's name. Empty if no server has the tool.
    pub server: String,
    /// The server's name for the tool.
    pub tool: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
    /// Where the call stands.
    pub state: CallState,
    /// The result, as the server sent it.
    pub result: Option<Value>,
    /// The length of the result as JSON, in bytes.
    pub bytes: usize,
    /// Why there is no result.
    pub failure: Option<String>,
    /// Whether the model no longer receives the result, to save space.
    pub dropped: bool,
    /// The last progress that the server reported.
    pub progress: Option<Progress>,
    /// The log messages of the call, the newest last.
    pub logs: Vec<String>,
    /// The id of the JSON-RPC request.
    pub request: Option<String>,
    /// When the call started, in milliseconds since 1970.
    pub started: Option<u64>,
    /// Milliseconds until the result.
    pub ms: Option<u64>,
}

/// The progress of a call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// How much is done.
    pub progress: f64,
    /// How much there is to do.
    pub total: Option<f64>,
    /// What is being done.
    pub message: Option<String>,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// The arguments are arriving.
    #[default]
    Writing,
    /// The user has to permit it.
    Waiting,
    /// The server works on it.
    Running,
    /// A result arrived.
    Done,
    /// No result arrived.
    Failed,
    /// There is no such tool, or its arguments are invalid. It was not sent.
    Invalid,
    /// The user refused it. It was not sent.
    Refused,
    /// The user stopped it.
    Cancelled,
}

impl CallState {
    /// Whether nothing more happens to the call.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Writing | Self::Waiting | Self::Running)
    }
}

/// Tokens that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the request, those from the provider's cache included.
    pub input: u64,
    /// Tokens of the response.
    pub output: u64,
    /// Tokens of the request that came from the provider's cache.
    pub cached: u64,
}

impl Usage {
    pub(crate) fn add(&mut self, more: Self) {
        self.input = self.input.saturating_add(more.input);
        self.output = self.output.saturating_add(more.output);
        self.cached = self.cached.saturating_add(more.cached);
    }
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The response is complete.
    End,
    /// It requests tool calls.
    Tools,
    /// It reached the limit of its length.
    Length,
    /// The provider withheld it.
    Filter,
    /// The user stopped it.
    User,
}

/// Why a request to a model failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What failed and why.
    pub message: String,
    /// What to do next.
    #[serde(default)]
    pub hint: Option<String>,
    /// The HTTP status.
    #[serde(default)]
    pub status: Option<u16>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The conversation is longer than the model's context.
    Context,
    /// The key is missing or was refused.
    Key,
    /// Too many requests, or the provider is overloaded.
    Busy,
    /// The provider cannot be reached.
    Unreachable,
    /// The connection broke before the response was complete.
    Broken,
    /// The response is not what the dialect requires.
    Malformed,
    /// Any other error.
    Other,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            status: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
