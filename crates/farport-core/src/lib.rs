//! MCP rules without I/O.
//!
//! This crate knows what a Model Context Protocol message is, which rules each of the five
//! protocol revisions sets for it, and what a server has to remember between messages. It opens no
//! socket, reads no clock and spawns no task: time, randomness and stores come in through
//! [`Runtime`] and [`SessionStore`], and whoever serves the messages comes in through [`Dispatch`].
//!
//! A message's way through the crate:
//!
//! 1. [`envelope::parse`] turns a request body into [`Message`]s, refusing what JSON-RPC or MCP
//!    refuse.
//! 2. [`RequestMeta`] reads what a modern request says of itself; [`standard_headers`] holds the
//!    HTTP headers against it.
//! 3. A [`Call`] carries the request and its [`CallContext`] over the dispatch seam to an
//!    [`Instance`] of the server, which answers with a [`Reply`].
//! 4. [`policy`] says who may use what.
//! 5. What the server sends meanwhile goes to the call's [`Outbox`], usually an [`EventStream`]
//!    that [`sse`] writes out.

mod cancel;
mod dispatch;
pub mod envelope;
mod error;
mod exchange;
pub mod frame;
mod json;
mod meta;
mod method;
pub mod policy;
mod principal;
mod runtime;
mod session;
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
pub use principal::{Principal, UpstreamToken, UpstreamTokenError, User};
pub use runtime::{BoxFuture, Runtime, Timestamp};
pub use session::{
    BySessionId, EventLog, KeptStream, MemorySessions, SessionId, SessionIdHasher, SessionLimits,
    SessionRecord, SessionState, SessionStore, StateError, StoreError, Stored,
};
pub use stream::{Event, EventStream, First, Reader, StreamLimits, Unkept};
pub use version::{Era, ProtocolVersion};
