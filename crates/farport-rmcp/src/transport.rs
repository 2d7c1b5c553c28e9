//! The transport under a live peer: what the handler sends goes to an outbox, what the client
//! answers comes in through a channel.

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

/// What reaches the peer's loop from the client.
pub(crate) type Inbox = mpsc::UnboundedSender<RxJsonRpcMessage<RoleServer>>;

/// Connects a peer to an outbox.
pub(crate) struct OutboxTransport {
    outbox: Arc<dyn Outbox>,
    answers: Arc<Answers>,
    incoming: mpsc::UnboundedReceiver<RxJsonRpcMessage<RoleServer>>,
}

impl OutboxTransport {
    /// A transport that writes to `outbox`, and the way to its peer.
    pub(crate) fn new(outbox: Arc<dyn Outbox>) -> (Self, Inbox) {
        let (inbox, incoming) = mpsc::unbounded_channel();
        let answers = Arc::new(Answers {
            inbox: inbox.clone(),
            asked: Mutex::default(),
        });
        (
            Self {
                outbox,
                answers,
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
                let name = self.outbox.expect(local, self.answers.clone())?;
                let name: Arc<str> = name.into();
                self.rename(local, &name, &mut request.request);
                request.id = NumberOrString::String(name);
                self.write(&JsonRpcMessage::<_, (), ()>::Request(request), None)
            }
            JsonRpcMessage::Notification(mut notification) => {
                if !self.take_back(&mut notification.notification) {
                    return Ok(());
                }
                let level = level_of(&notification.notification);
                self.write(
                    &JsonRpcMessage::<(), (), _>::Notification(notification),
                    level,
                )
            }
            // The loop is given no requests, so it has nothing to answer.
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => Ok(()),
        }
    }

    /// Two calls of one session would both count their progress tokens from zero.
    fn rename(&self, local: i64, name: &Arc<str>, request: &mut ServerRequest) {
        let meta = request.get_meta_mut();
        let token = meta.get_progress_token();
        if token.is_some() {
            meta.set_progress_token(ProgressToken(NumberOrString::String(name.clone())));
        }
        let name = name.clone();
        self.answers.asked().insert(local, Asked { name, token });
    }

    /// Names the request that is given up as the client knows it. False when there is none: it was
    /// answered meanwhile.
    fn take_back(&self, notification: &mut ServerNotification) -> bool {
        let ServerNotification::CancelledNotification(cancelled) = notification else {
            return true;
        };
        let Some(NumberOrString::Number(local)) = cancelled.params.request_id else {
            return true;
        };
        let Some(asked) = self.answers.asked().remove(&local) else {
            return false;
        };
        self.outbox.retract(local);
        cancelled.params.request_id = Some(NumberOrString::String(asked.name));
        true
    }

    fn write<M: serde::Serialize>(
        &self,
        message: &M,
        level: Option<LogLevel>,
    ) -> Result<(), Undeliverable> {
        let frame = serde_json::to_vec(message).map_err(|error| {
            tracing::error!(%error, "a message of the handler does not serialise");
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

/// Brings the client's answers to the loop that waits for them.
struct Answers {
    inbox: Inbox,
    /// The requests that are not answered yet.
    asked: Mutex<HashMap<i64, Asked>>,
}

/// A request to the client.
struct Asked {
    /// Its id on the wire, and its progress token there.
    name: Arc<str>,
    /// The handler's own progress token.
    token: Option<ProgressToken>,
}

impl Answers {
    fn asked(&self) -> MutexGuard<'_, HashMap<i64, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, message: RxJsonRpcMessage<RoleServer>) {
        // The loop has gone with its call; nobody waits any more.
        let _ = self.inbox.send(message);
        pump::pump();
    }
}

impl ReplyTo for Answers {
    fn reply(&self, local: i64, outcome: Outcome) {
        self.asked().remove(&local);
        let id = NumberOrString::Number(local);
        let unreadable = |error: serde_json::Error| {
            ErrorData::internal_error(format!("the client's answer does not parse: {error}"), None)
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
            .asked()
            .get(&local)
            .and_then(|asked| asked.token.clone());
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

/// The transport under a silent peer: notifications vanish, requests are refused.
pub(crate) struct SilentTransport;

impl Transport<RoleServer> for SilentTransport {
    type Error = Undeliverable;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        ready(match item {
            JsonRpcMessage::Request(_) => Err(Undeliverable::NoRequests),
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
