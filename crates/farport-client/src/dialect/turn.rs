//! One turn of the machine: the time, the bounds, and the actions it leads to.

use std::time::Instant;

use super::message::{Id, Message};
use super::{Action, Options};

/// Names a call for as long as the machine holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) u64);

pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) options: &'a Options,
    numbers: &'a mut u64,
    actions: &'a mut Vec<Action>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        now: Instant,
        options: &'a Options,
        numbers: &'a mut u64,
        actions: &'a mut Vec<Action>,
    ) -> Self {
        Self {
            now,
            options,
            numbers,
            actions,
        }
    }

    fn number(&mut self) -> u64 {
        *self.numbers += 1;
        *self.numbers
    }

    /// A new name for a call.
    pub(super) fn key(&mut self) -> Key {
        Key(self.number())
    }

    /// A new request id.
    pub(super) fn id(&mut self) -> Id {
        Id::ours("dialect", self.number())
    }

    /// A new `requestState`.
    pub(super) fn request_state(&mut self) -> String {
        format!("{}farport-{}", self.options.state_prefix, self.number())
    }

    pub(super) fn send_to_caller(&mut self, message: Message) {
        self.actions.push(Action::ToCaller(message));
    }

    pub(super) fn send_to_server(&mut self, message: Message) {
        self.actions.push(Action::ToServer(message));
    }

    /// Sends a request of the machine's own to the server, and returns its id.
    pub(super) fn request(&mut self, method: &str, params: &str) -> Id {
        let id = self.id();
        self.send_to_server(Message::request(id.clone(), method, Some(params)));
        id
    }

    /// Answers a request of the caller.
    pub(super) fn answer(&mut self, id: &Id, result: &str) {
        let answer = Message::result(id.clone(), result);
        self.send_to_caller(answer.on_stream(Some(id.clone())));
    }

    /// Answers a request of the caller with an error object, as JSON.
    pub(super) fn fail(&mut self, id: &Id, error: &str) {
        let answer = Message::failure(id.clone(), error);
        self.send_to_caller(answer.on_stream(Some(id.clone())));
    }

    /// Answers a request of the caller with the error of a response, and keeps its origin.
    pub(super) fn pass_error(&mut self, id: &Id, error: &str, response: &Message) {
        let answer = Message::failure(id.clone(), error).of_origin(response);
        self.send_to_caller(answer.on_stream(Some(id.clone())));
    }

    /// Answers a request of the caller with an error.
    pub(super) fn refuse(&mut self, id: &Id, code: i64, message: &str) {
        let answer = Message::error(Some(id.clone()), code, message);
        self.send_to_caller(answer.on_stream(Some(id.clone())));
    }

    /// Answers a request of the server with an error.
    pub(super) fn refuse_server(&mut self, id: &Id, code: i64, message: &str) {
        self.send_to_server(Message::error(Some(id.clone()), code, message));
    }
}
