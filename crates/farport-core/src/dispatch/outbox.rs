//! Messages that a server sends outside of responses.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::LogLevel;
use crate::{Outcome, RawJson};

/// A message from the server that is not a response.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The complete JSON-RPC message.
    pub frame: Bytes,
    /// The severity of a log message. The transport drops messages below the client's level.
    pub level: Option<LogLevel>,
}

/// The reason why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undeliverable {
    /// The stream has ended.
    #[error("the client's stream has ended")]
    Ended,
    /// Too many requests to the client are pending.
    #[error("too many requests to the client are pending")]
    TooManyRequests,
    /// The call cannot carry requests to the client.
    #[error("this client does not accept requests from the server")]
    NoRequests,
    /// The host does not keep a call between two requests of a client.
    #[error(
        "this server cannot keep a call while a 2026-07-28 client answers: return InputRequiredResult instead"
    )]
    NoParking,
}

/// Sends messages to one client, on the stream of a call or the session's own stream.
///
/// An outbox belongs to one session or one request, and is never shared.
pub trait Outbox: Send + Sync + fmt::Debug {
    /// Sends a notification, or a request whose id came from [`Outbox::expect`].
    ///
    /// # Errors
    /// If the stream has ended.
    fn send(&self, message: Outgoing) -> Result<(), Undeliverable>;

    /// Registers a request to the client. Returns its id on the wire, which is also its progress
    /// token. The client's response goes to `to`, under `local`.
    ///
    /// # Errors
    /// If the client cannot receive the request.
    fn expect(&self, local: i64, to: Arc<dyn ReplyTo>) -> Result<String, Undeliverable>;

    /// Removes a registered request, whose response is no longer needed.
    fn retract(&self, local: i64);
}

/// Receives the client's responses to requests from the server.
pub trait ReplyTo: Send + Sync {
    /// Receives the response to request `local`.
    fn reply(&self, local: i64, outcome: Outcome);

    /// Receives the client's progress on request `local`, with the parameters of its notification.
    fn progress(&self, local: i64, params: RawJson);
}

/// The destination of messages that a handler sends during a call.
#[derive(Clone, Debug)]
pub enum Sink {
    /// None: notifications are dropped, requests are refused. Costs nothing.
    Silent,
    /// Like `Silent`, for a client that accepts questions, on a host that cannot park calls.
    NoParking,
    /// The stream of this call.
    Call(Arc<dyn Outbox>),
    /// The session's own stream. A peer that the handler keeps from this call works as long as the
    /// session.
    Session(Arc<dyn Outbox>),
}
