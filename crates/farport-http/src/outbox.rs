//! Outboxes: the streams for messages that handlers send.

use std::sync::{Arc, Weak};

use farport_core::{EventStream, LogLevel, Outbox, Outgoing, ReplyTo, Undeliverable};

use crate::session::Session;

/// Sends to a stream of a session: the stream of a call, or the session's own stream.
#[derive(Debug)]
pub(crate) struct SessionOutbox {
    pub(crate) session: Weak<Session>,
    /// The call's stream, or `None` for the session's own stream.
    pub(crate) stream: Option<Arc<EventStream>>,
    /// The number under which requests to the client are registered.
    pub(crate) call: u64,
}

impl Outbox for SessionOutbox {
    fn send(&self, message: Outgoing) -> Result<(), Undeliverable> {
        let session = self.session.upgrade().ok_or(Undeliverable::Ended)?;
        if message
            .level
            .is_some_and(|level| level < session.record.log_level())
        {
            return Ok(());
        }
        let stream = self
            .stream
            .as_ref()
            .unwrap_or_else(|| session.server_stream());
        if stream.push(message.frame) {
            Ok(())
        } else {
            Err(Undeliverable::Ended)
        }
    }

    fn expect(&self, local: i64, to: Arc<dyn ReplyTo>) -> Result<String, Undeliverable> {
        let call = self.stream.as_ref();
        if call.is_some_and(|stream| stream.is_finished()) {
            return Err(Undeliverable::Ended);
        }
        let session = self.session.upgrade().ok_or(Undeliverable::Ended)?;
        session.exchange.expect(self.call, local, to)
    }

    fn retract(&self, local: i64) {
        if let Some(session) = self.session.upgrade() {
            session.exchange.retract(self.call, local);
        }
    }
}

/// Sends to the response stream of a modern request, which cannot carry requests.
#[derive(Debug)]
pub(crate) struct ModernOutbox {
    pub(crate) stream: Arc<EventStream>,
    /// The minimum severity of log messages, if the request enables them.
    pub(crate) log_level: Option<LogLevel>,
    /// The reason why the call cannot ask the client.
    pub(crate) refusal: Undeliverable,
}

impl Outbox for ModernOutbox {
    fn send(&self, message: Outgoing) -> Result<(), Undeliverable> {
        if let Some(level) = message.level
            && self.log_level.is_none_or(|wanted| level < wanted)
        {
            return Ok(());
        }
        if self.stream.push(message.frame) {
            Ok(())
        } else {
            Err(Undeliverable::Ended)
        }
    }

    fn expect(&self, _: i64, _: Arc<dyn ReplyTo>) -> Result<String, Undeliverable> {
        Err(self.refusal)
    }

    fn retract(&self, _: i64) {}
}
