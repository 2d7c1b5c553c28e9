//! Requests that pass through: caller and server are of one era.

use std::collections::HashSet;

use super::message::{Id, Kind, Message, Outcome};
use super::turn::Turn;
use super::{INVALID_REQUEST, UNAVAILABLE};

/// The reason that a caller's request fails with the connection.
pub(super) const LOST: &str = "the connection to the server was lost";
/// The reason that a caller's request is one too many.
pub(super) const TOO_MANY: &str = "too many requests are in flight; wait for a response";
/// The reason that a caller's request is not taken.
pub(super) const DUPLICATE: &str = "the id of this request is in use by another request";

/// The caller's requests that passed through to the server and have no response yet.
#[derive(Debug, Default)]
pub(super) struct Native {
    open: HashSet<Id>,
    /// The last `server/discover` among them.
    discover: Option<Id>,
    /// The machine itself has sent `notifications/initialized`.
    swallows_initialized: bool,
}

impl Native {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.open.contains(id)
    }

    /// Whether a message of the server belongs to a request that passed through.
    pub(super) fn owns(&self, message: &Message) -> bool {
        let id = match message.kind() {
            Kind::Response(Some(id)) => Some(id),
            Kind::Response(None) | Kind::Request(_) | Kind::Notification => message.stream(),
        };
        id.is_some_and(|id| self.open.contains(id))
    }

    /// Whether a message is the result of a `server/discover` that passed through.
    pub(super) fn is_discovered(&self, message: &Message) -> bool {
        let id = message.answered_id();
        id.is_some()
            && id == self.discover.as_ref()
            && matches!(message.outcome(), Some(Outcome::Result(_)))
    }

    /// Drops the caller's next `notifications/initialized`.
    pub(super) fn swallow_initialized(&mut self) {
        self.swallows_initialized = true;
    }

    /// Forgets a request that no response is passed on for.
    pub(super) fn forget(&mut self, id: &Id) -> bool {
        self.open.remove(id)
    }

    pub(super) fn on_caller(&mut self, message: Message, turn: &mut Turn<'_>) {
        match message.kind() {
            Kind::Request(id) => {
                if self.open.contains(id) {
                    return turn.send_to_caller(Message::error(None, INVALID_REQUEST, DUPLICATE));
                }
                if self.open.len() >= turn.options.most_calls {
                    return turn.refuse(id, UNAVAILABLE, TOO_MANY);
                }
                self.open.insert(id.clone());
                if message.method() == "server/discover" {
                    self.discover = Some(id.clone());
                }
            }
            Kind::Notification if message.method() == "notifications/cancelled" => {
                if let Some(id) = message.cancelled_id() {
                    self.open.remove(&id);
                }
            }
            Kind::Notification
                if self.swallows_initialized && message.method() == "notifications/initialized" =>
            {
                self.swallows_initialized = false;
                return;
            }
            Kind::Notification | Kind::Response(_) => {}
        }
        turn.send_to_server(message);
    }

    pub(super) fn on_server(&mut self, message: Message, modern: bool, turn: &mut Turn<'_>) {
        match message.kind() {
            Kind::Response(None) => return self.on_unnamed(message, turn),
            // It answers nothing, or a request that the caller has cancelled.
            Kind::Response(Some(id)) if !self.open.remove(id) => return,
            // A server of 2026-07-28 ends a subscription so.
            Kind::Notification if modern => {
                if let Some(id) = message.cancelled_id() {
                    self.open.remove(&id);
                }
            }
            Kind::Response(_) | Kind::Request(_) | Kind::Notification => {}
        }
        turn.send_to_caller(message);
    }

    /// Takes an error that names no request: the server could not read one. It answers the request
    /// on whose stream it came, or else the only one there is.
    fn on_unnamed(&mut self, message: Message, turn: &mut Turn<'_>) {
        let named = message.stream().filter(|id| self.open.contains(*id));
        let only = self.open.iter().next().filter(|_| self.open.len() == 1);
        let Some(id) = named.or(only).cloned() else {
            return turn.send_to_caller(message);
        };
        self.open.remove(&id);
        if let Some(Outcome::Error(error)) = message.outcome() {
            turn.fail(&id, error);
        }
    }

    pub(super) fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        self.swallows_initialized = false;
        let mut lost: Vec<Id> = self.open.drain().collect();
        lost.sort();
        for id in lost {
            turn.refuse(&id, UNAVAILABLE, LOST);
        }
    }
}
