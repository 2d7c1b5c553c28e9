//! What a server sends while it works.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::LogLevel;
use crate::{Outcome, RawJson};

/// A message from the server that is not a response.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The whole JSON-RPC message.
    pub frame: Bytes,
    /// The severity, when it is a log message: those that the client did not ask for are dropped.
    pub level: Option<LogLevel>,
}

/// Why a message could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undeliverable {
    /// The stream it belongs to has ended.
    #[error("the client's stream has ended")]
    Ended,
    /// The client owes too many answers already.
    #[error("too many requests to the client are unanswered")]
    TooManyRequests,
    /// There is nobody who could answer.
    #[error("this client takes no requests from the server")]
    NoRequests,
}

/// Takes what a server sends to one client: on the stream of one call, or on its session's own.
///
/// An outbox belongs to one session or one request and is never shared between two.
pub trait Outbox: Send + Sync + fmt::Debug {
    /// Sends a notification, or a request whose id came from [`Outbox::expect`].
    ///
    /// # Errors
    /// When the stream has ended.
    fn send(&self, message: Outgoing) -> Result<(), Undeliverable>;

    /// Announces a request to the client. The id that comes back stands in for `local` on the
    /// wire, as id and as progress token; the client's answer goes to `to` under `local`.
    ///
    /// # Errors
    /// When the client cannot be asked.
    fn expect(&self, local: i64, to: Arc<dyn ReplyTo>) -> Result<String, Undeliverable>;

    /// Forgets a request that was announced: its answer is no longer waited for.
    fn retract(&self, local: i64);
}

/// Takes the client's answers to requests of the server.
pub trait ReplyTo: Send + Sync {
    /// The answer to request `local`.
    fn reply(&self, local: i64, outcome: Outcome);

    /// The client's progress on request `local`; `params` as the client sent them.
    fn progress(&self, local: i64, params: RawJson);
}

/// Where to what a handler sends goes.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Nowhere: notifications are dropped, requests refused. Costs nothing.
    Silent,
    /// To the stream of this call.
    Call(Arc<dyn Outbox>),
    /// To the session's own stream, for as long as the session lives: what the handler keeps of
    /// this call's peer goes on working.
    Session(Arc<dyn Outbox>),
}
