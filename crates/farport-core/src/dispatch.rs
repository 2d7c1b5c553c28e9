//! The dispatch seam between transports and servers.
//!
//! On one side are the transports, on the other an implementation of [`Dispatch`], such as the
//! adapter for rmcp handlers. A message crosses once, as a [`Call`] or a [`Notified`]. Messages from
//! the server cross back through an [`Outbox`].

mod context;
mod outbox;
mod tier;

use std::sync::Arc;

use bytes::Bytes;

pub use context::{CallContext, InstanceContext, LogLevel, Notified};
pub use outbox::{Outbox, Outgoing, ReplyTo, Sink, Undeliverable};
pub use tier::{Tier, tier};

use crate::{
    BoxFuture, ProtocolVersion, RawJson, Request, RpcError, standard_headers::ParamHeader,
};

/// The declarations of a server, read once at start.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The supported revisions, oldest first.
    pub versions: Vec<ProtocolVersion>,
    /// The server's `Implementation`, as JSON.
    pub server_info: RawJson,
    /// Whether the server declares the logging capability.
    pub logging: bool,
    /// Whether the server declares `listChanged`, `subscribe` or logging, and so may send messages
    /// outside of calls.
    pub sends_unprompted: bool,
}

/// A request for the server.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// The caller, the revision, and the sink for messages that the server sends during the call.
    pub context: CallContext,
}

/// The outcome of a [`Call`]: a complete response frame, or an error for the transport to frame.
pub type Reply = Result<Bytes, RpcError>;

/// A server that creates instances of itself.
pub trait Dispatch: Send + Sync + 'static {
    /// Returns the server's declarations.
    fn profile(&self) -> &Profile;

    /// Creates an instance: one for each session, and one for each modern request.
    ///
    /// # Errors
    /// If the server cannot create one. The log has the cause.
    fn open(&self, context: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError>;
}

/// An instance of the server, for one session or one modern request.
pub trait Instance: Send + Sync + 'static {
    /// Handles a request. The transport may drop the future, or run it to completion after the client
    /// has disconnected.
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply>;

    /// Handles a notification from the client. The future is ready when the server has finished.
    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()>;

    /// Returns the arguments of `tool` that clients must repeat in headers.
    fn param_headers(&self, tool: &str) -> Arc<[ParamHeader]>;
}
