//! MCP rules without I/O.
//!
//! This crate defines Model Context Protocol messages, the rules of the five protocol revisions for
//! them, and the state that a server stores between messages. It opens no socket, reads no clock and
//! spawns no task. Hosts pass in time, randomness and stores through [`Runtime`] and
//! [`SessionStore`], and the server through [`Dispatch`].
//!
//! The path of a message:
//!
//! 1. [`envelope::parse`] turns a request body into [`Message`]s and rejects invalid JSON-RPC.
//! 2. [`RequestMeta`] reads the metadata of a request. [`standard_headers`] compares the HTTP headers
//!    with it.
//! 3. [`policy`] decides whether the caller is permitted to make the request.
//! 4. A [`Call`] carries the request and its [`CallContext`] over the dispatch seam to an
//!    [`Instance`] of the server, which returns a [`Reply`].
//! 5. Messages that the server sends during the call go to the call's [`Outbox`], usually an
//!    [`EventStream`], which [`sse`] encodes.

pub mod asking;
mod cancel;
mod dispatch;
pub mod envelope;
mod error;
mod exchange;
pub mod frame;
mod json;
mod meta;
mod method;
mod plain;
pub mod policy;
mod principal;
mod runtime;
mod session;
mod share;
pub mod sse;
pub mod standard_headers;
mod stream;
mod version;

pub use cancel::StreamControl;
pub use dispatch::{
    Call, CallContext, Dispatch, Instance, InstanceContext, LogLevel, Notified, Outbox, Outgoing,
    Profile, Reply, ReplyTo, Sink, Tier, Undeliverable, tier,
};
pub use envelope::{Message, Notification, Outcome, Request, RequestId, Response};
pub use error::{ErrorCode, RpcError};
pub use exchange::Exchange;
pub use json::RawJson;
pub use meta::{RequestMeta, SubjectField};
pub use method::Method;
pub use plain::{Plain, PlainJson, PlainLines, alters_display};
pub use principal::{Principal, UpstreamToken, UpstreamTokenError, User};
pub use runtime::{BoxFuture, Runtime, Timestamp};
pub use session::{
    BySessionId, EventLog, InUse, LONGEST_TASK, MOST_TASKS, MemorySessions, SessionId,
    SessionIdHasher, SessionLimits, SessionRecord, SessionState, SessionStore, StateError,
    StoreError, Stored, StoredStream, TaskOwners, TaskReply, nothing_in_use,
};
pub use share::{Share, largest_holder};
pub use stream::{
    Event, EventAccount, EventBudget, EventStream, Reader, ResponseShape, StreamLimits,
    UnstoredEvents,
};
pub use version::{Era, ProtocolVersion};
