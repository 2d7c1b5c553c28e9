//! The dispatch seam: how a message reaches whoever serves it.
//!
//! On one side are the transports; on the other an implementation of [`Dispatch`], such as the
//! adapter that serves an rmcp handler. A message crosses once, as a [`Call`] or a
//! [`Notified`], and what the server sends in return crosses back through an [`Outbox`].

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

/// What a server declares, read once at start.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The revisions it serves, oldest first.
    pub versions: Vec<ProtocolVersion>,
    /// Its `Implementation`, as JSON.
    pub server_info: RawJson,
    /// Whether it declares the logging capability.
    pub logging: bool,
    /// Whether it declares `listChanged`, `subscribe` or logging: it may send without being asked.
    pub speaks_unasked: bool,
}

/// A request on its way to the server.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// Who asks, in which revision, and where to what the server sends meanwhile goes.
    pub context: CallContext,
}

/// The answer to a [`Call`]: a whole response frame, or the error that the transport frames.
pub type Reply = Result<Bytes, RpcError>;

/// A server that can be asked for instances of itself.
pub trait Dispatch: Send + Sync + 'static {
    /// What the server declares.
    fn profile(&self) -> &Profile;

    /// A new instance: one for each session, and one for each modern request.
    ///
    /// # Errors
    /// When the server cannot make one; the reason is in its log.
    fn open(&self, context: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError>;
}

/// The server as one session, or one modern request, sees it.
pub trait Instance: Send + Sync + 'static {
    /// Serves a request. The future may be dropped, or run on after the client has gone.
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply>;

    /// Takes a notification of the client. Ready once the server is done with it.
    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()>;

    /// The arguments of `tool` that have to be repeated in headers.
    fn param_headers(&self, tool: &str) -> Arc<[ParamHeader]>;
}
