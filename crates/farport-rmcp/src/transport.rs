//! The transport of a live peer: the handler's messages go to an outbox, the client's responses
//! arrive through a channel.

#![expect(deprecated, reason = "older revisions still have log messages")]

use std::{
    collections::HashMap,
    future::{Future, pending, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use farport_core::{LogLevel, Outbox, Outcome, Outgoing, RawJson, ReplyTo, Undeliverable};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientResult, GetMeta, JsonRpcMessage, LoggingLevel, NumberOrString, ProgressNotification,
        ProgressNotificationParam, ProgressToken, ServerNotification, ServerRequest,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::mpsc;

use crate::pump;

/// A message from the client to the peer's loop.
pub(crate) type Inbox = mpsc::UnboundedSender<RxJsonRpcMessage<RoleServer>>;

/// Connects a peer to an outbox.
pub(crate) struct OutboxTransport {
    outbox: Arc<dyn Outbox>,
    responses: Arc<Responses>,
    incoming: mpsc::UnboundedReceiver<RxJsonRpcMessage<RoleServer>>,
}

impl OutboxTransport {
    /// Creates a transport that writes to `outbox`, and the inbox of its peer.
    pub(crate) fn new(outbox: Arc<dyn Outbox>) -> (Self, Inbox) {
        let (inbox, incoming) = mpsc::unbounded_channel();
        let responses = Arc::new(Responses {
            inbox: inbox.clone(),
            pending: Mutex::default(),
        });
        (
            Self {
                outbox,
                responses,
                incoming,
            },
            inbox,
        )
    }

    fn forward(&self, message: TxJsonRpcMessage<RoleServer>) -> Result<(), Undeliverable> {
        match message {
            JsonRpcMessage::Request(mut request) => {
                let NumberOrString::Number(local) = request.id else {
                    return Err(Undeliverable::NoRequests);
                };
                let name = self.outbox.expect(local, self.responses.clone())?;
                let name: Arc<str> = name.into();
                self.rename(local, &name, &mut request.request);
                request.id = NumberOrString::String(name);
                self.write(&JsonRpcMessage::<_, (), ()>::Request(request), None)
            }
            JsonRpcMessage::Notification(mut notification) => {
                if !self.withdraw(&mut notification.notification) {
                    return Ok(());
                }
                let level = level_of(&notification.notification);
                self.write(
                    &JsonRpcMessage::<(), (), _>::Notification(notification),
                    level,
                )
            }
            // The loop receives no requests, so it sends no responses.
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => Ok(()),
        }
    }

    /// Makes progress tokens unique: two calls of one session both count theirs from zero.
    fn rename(&self, local: i64, name: &Arc<str>, request: &mut ServerRequest) {
        let meta = request.get_meta_mut();
        let token = meta.get_progress_token();
        if token.is_some() {
            meta.set_progress_token(ProgressToken(NumberOrString::String(name.clone())));
        }
        let name = name.clone();
        self.responses
            .pending()
            .insert(local, PendingRequest { name, token });
    }

    /// Replaces the id of the cancelled request with the one that the client knows. Returns false if
    /// the client has already answered the request.
    fn withdraw(&self, notification: &mut ServerNotification) -> bool {
        let ServerNotification::CancelledNotification(cancelled) = notification else {
            return true;
        };
        let Some(NumberOrString::Number(local)) = cancelled.params.request_id else {
            return true;
        };
        let Some(pending) = self.responses.pending().remove(&local) else {
            return false;
        };
        self.outbox.retract(local);
        cancelled.params.request_id = Some(NumberOrString::String(pending.name));
        true
    }

    fn write<M: serde::Serialize>(
        &self,
        message: &M,
        level: Option<LogLevel>,
    ) -> Result<(), Undeliverable> {
        let frame = serde_json::to_vec(message).map_err(|error| {
            tracing::error!(%error, "cannot serialize a message of the handler");
            Undeliverable::Ended
        })?;
        self.outbox.send(Outgoing {
            frame: Bytes::from(frame),
            level,
        })
    }
}

fn level_of(notification: &ServerNotification) -> Option<LogLevel> {
    let ServerNotification::LoggingMessageNotification(message) = notification else {
        return None;
    };
    Some(match message.params.level {
        LoggingLevel::Debug => LogLevel::Debug,
        LoggingLevel::Info => LogLevel::Info,
        LoggingLevel::Notice => LogLevel::Notice,
        LoggingLevel::Warning => LogLevel::Warning,
        LoggingLevel::Error => LogLevel::Error,
        LoggingLevel::Critical => LogLevel::Critical,
        LoggingLevel::Alert => LogLevel::Alert,
        _ => LogLevel::Emergency,
    })
}

impl Transport<RoleServer> for OutboxTransport {
    type Error = Undeliverable;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        ready(self.forward(item))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        match self.incoming.recv().await {
            Some(message) => Some(message),
            None => pending().await,
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Passes the client's responses to the loop that waits for them.
struct Responses {
    inbox: Inbox,
    /// The requests without a response.
    pending: Mutex<HashMap<i64, PendingRequest>>,
}

/// A request to the client without a response.
struct PendingRequest {
    /// The id and progress token on the wire.
    name: Arc<str>,
    /// The handler's own progress token.
    token: Option<ProgressToken>,
}

impl Responses {
    fn pending(&self) -> MutexGuard<'_, HashMap<i64, PendingRequest>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, message: RxJsonRpcMessage<RoleServer>) {
        // The loop ended with its call, so no receiver is left.
        let _ = self.inbox.send(message);
        pump::pump();
    }
}

impl ReplyTo for Responses {
    fn reply(&self, local: i64, outcome: Outcome) {
        self.pending().remove(&local);
        let id = NumberOrString::Number(local);
        let unreadable = |error: serde_json::Error| {
            ErrorData::internal_error(format!("cannot parse the client's response: {error}"), None)
        };
        self.deliver(match outcome {
            Outcome::Result(result) => match result.parse::<ClientResult>() {
                Ok(result) => JsonRpcMessage::response(result, id),
                Err(error) => JsonRpcMessage::error(unreadable(error), Some(id)),
            },
            Outcome::Error(error) => {
                let error = error.parse().unwrap_or_else(unreadable);
                JsonRpcMessage::error(error, Some(id))
            }
        });
    }

    fn progress(&self, local: i64, params: RawJson) {
        let token = self
            .pending()
            .get(&local)
            .and_then(|pending| pending.token.clone());
        let (Some(token), Ok(mut params)) = (token, params.parse::<ProgressNotificationParam>())
        else {
            return;
        };
        params.progress_token = token;
        self.deliver(JsonRpcMessage::notification(
            ProgressNotification::new(params).into(),
        ));
    }
}

/// The transport of a silent peer: drops notifications, refuses requests with its reason.
pub(crate) struct SilentTransport(pub(crate) Undeliverable);

impl Transport<RoleServer> for SilentTransport {
    type Error = Undeliverable;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        ready(match item {
            JsonRpcMessage::Request(_) => Err(self.0),
            _ => Ok(()),
        })
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        pending().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
