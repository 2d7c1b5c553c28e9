//! A chat with a model that calls the tools of MCP servers.
//!
//! [`Session`] runs a chat. `machine` is its loop without I/O, `dialect` writes requests to models and
//! reads their streams, [`Provider`] says where models are, and [`Server`] where tools are.

mod catalog;
mod conversation;
mod dialect;
mod machine;
mod model;
mod output;
pub(crate) mod page;
mod providers;
mod run;
mod server;
mod task;
mod transfer;

pub use catalog::Offered;
pub use conversation::{
    Call, CallState, Failure, FailureKind, Image, Message, Part, Progress, Question, Step, Stop,
    Usage,
};
pub use dialect::{Dialect, ModelEvent};
pub use machine::{ChatEvent, ChatSettings, Decision, EndReason, Input, MOST_STEPS};
pub use page::ChatStart;
pub use providers::{
    Model, Provider, ProviderError, add_kept, choose, forget_key, from_environment, keep_key,
    probe, unlock,
};
pub use run::{Host, Session};
pub use server::{
    BoxFuture, CallParams, CallUpdate, Server, ToolCall, Updates, call_params, list_tools,
};
pub use task::{TaskServer, finished};
