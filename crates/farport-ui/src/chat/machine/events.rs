//! What goes into the loop, and what comes out.

use serde::{Deserialize, Serialize};

use super::super::catalog::Offered;
use super::super::conversation::{CallState, Failure, Image, Progress, Usage};
use super::super::dialect::ModelEvent;

/// What the user decides about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Permit this call.
    Once,
    /// Permit this tool in this chat.
    Always,
    /// Refuse this call.
    Refuse,
    /// Refuse this tool in this chat.
    Never,
}

/// What happens.
#[derive(Debug)]
pub enum Input {
    /// The user sends a message.
    Send {
        /// The text.
        text: String,
        /// Images.
        images: Vec<Image>,
    },
    /// The user replaces the message at this place, and everything after it.
    Edit {
        /// The place.
        at: usize,
        /// The new text.
        text: String,
    },
    /// The user wants the last response again.
    Retry,
    /// The user permits more steps.
    Continue,
    /// The user drops the oldest tool results, and retries.
    DropOldest,
    /// The user stops the turn.
    Stop,
    /// The user decides about a call.
    Decide {
        /// The call.
        call: u64,
        /// The decision.
        decision: Decision,
    },
    /// The lists of tools have arrived.
    Tools(Vec<Offered>),
    /// The tools of a server may have changed.
    ToolsChanged,
    /// The lists of tools are requested outside of a turn.
    ToolsRequested,
    /// The request for this step has this share of tools, in percent.
    Asked {
        /// The step.
        step: u64,
        /// The model.
        model: String,
        /// The share of the request that the tools take, in percent.
        tools_share: u8,
    },
    /// The model sends something.
    Model {
        /// The step.
        step: u64,
        /// What it sends.
        event: ModelEvent,
    },
    /// The response is complete, or failed.
    ModelEnded {
        /// The step.
        step: u64,
        /// Why it failed.
        failure: Option<Failure>,
    },
    /// A call sent its request.
    CallSent {
        /// The call.
        call: u64,
        /// The id of the JSON-RPC request.
        request: String,
    },
    /// A call progresses.
    CallProgress {
        /// The call.
        call: u64,
        /// The progress.
        progress: Progress,
    },
    /// The server logs something during a call.
    CallLog {
        /// The call.
        call: u64,
        /// The message.
        text: String,
    },
    /// A call ended: with a result, or the reason why there is none.
    CallEnded {
        /// The call.
        call: u64,
        /// The result.
        outcome: Result<serde_json::Value, String>,
    },
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Request the lists of tools.
    ListTools,
    /// Ask the model.
    Ask { step: u64 },
    /// Stop asking the model.
    CancelModel,
    /// Call a tool.
    Call {
        call: u64,
        server: String,
        tool: String,
        arguments: serde_json::Value,
    },
    /// Cancel a call.
    CancelCall { call: u64 },
    /// Report an event.
    Report(ChatEvent),
}

/// What happened, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChatEvent {
    /// The model is asked.
    Step {
        /// The number of the step in this turn, from 1.
        number: u32,
    },
    /// More text of the response.
    Text {
        /// The text.
        text: String,
    },
    /// More reasoning.
    Reasoning {
        /// The text.
        text: String,
    },
    /// The model requests a call.
    Call {
        /// The call.
        call: u64,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments, as the model wrote them.
        arguments: serde_json::Value,
        /// Where the call stands.
        state: CallState,
        /// Why it was not sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// A call ended.
    Result {
        /// The call.
        call: u64,
        /// The tool.
        tool: String,
        /// Where the call stands.
        state: CallState,
        /// The result, as the server sent it.
        result: Option<serde_json::Value>,
        /// Why there is no result.
        failure: Option<String>,
        /// Milliseconds from the request to the result.
        ms: Option<u64>,
    },
    /// A step used these tokens.
    Usage(Usage),
    /// The turn ended.
    End {
        /// How.
        reason: EndReason,
        /// Why it failed.
        failure: Option<Failure>,
        /// What all steps of the turn used.
        usage: Usage,
    },
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// With a response.
    Answered,
    /// With a response that is cut off.
    Cut,
    /// At the limit of steps.
    Limit,
    /// The user stopped it.
    Stopped,
    /// The model could not be asked.
    Failed,
}

/// Where the chat stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Waiting for the user.
    #[default]
    Idle,
    /// The lists of tools are requested.
    Listing,
    /// The model responds.
    Asking,
    /// Calls run, or wait for the user.
    Calling,
    /// The limit of steps is reached.
    Limit,
}
