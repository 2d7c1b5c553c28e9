//! A caller of the session era in front of a server of 2026-07-28.
//!
//! Each request goes to the server with the `_meta` that 2026-07-28 wants, under an id of the
//! machine's own. The questions of an `input_required` result go to the caller as requests; once
//! all are answered, the call is repeated with the answers and the server's `requestState`.

mod caller;
mod listening;

use std::time::{Duration, Instant};

use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::{Id, Kind, Message, Outcome, error_message};
use super::meta::members;
use super::native::{DUPLICATE, LOST, TOO_MANY};
use super::table::CallTable;
use super::turn::{Key, Turn};
use super::{
    Held, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, MOST_URI, UNAVAILABLE, words,
};
use crate::members::Members;
pub(super) use caller::Caller;
use listening::Listening;

/// The first pause before a call is repeated that the server asked no question for. Each further
/// pause is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Translates for a caller of the session era.
#[derive(Debug)]
pub(super) struct Upgrade {
    caller: Caller,
    /// The answer to `initialize`.
    initialized: String,
    table: CallTable<Call>,
    listening: Listening,
}

/// A call of the caller.
#[derive(Debug)]
struct Call {
    id: Id,
    /// The caller's request, for the next round.
    request: Message,
    /// The request at the server, unless the caller is asked.
    at_server: Option<Id>,
    questions: Vec<Question>,
    /// The server's `requestState`, as JSON.
    state: Option<ByteString>,
    rounds: u32,
    pauses: u32,
}

#[derive(Debug)]
struct Question {
    id: Id,
    key: String,
    method: String,
    /// The caller's answer, as JSON.
    answer: Option<ByteString>,
}

/// An `input_required` result.
#[derive(Deserialize, Default)]
struct InputRequired<'a> {
    #[serde(rename = "resultType", default)]
    kind: String,
    #[serde(borrow, rename = "inputRequests", default)]
    requests: Option<Members<'a>>,
    #[serde(borrow, rename = "requestState", default)]
    state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputRequest<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl Upgrade {
    /// A translation for a caller whose `initialize` is answered with `initialized`, made of the
    /// server's `discovered` result.
    pub(super) fn new(caller: Caller, discovered: &str, initialized: String) -> Self {
        Self {
            caller,
            initialized,
            table: CallTable::default(),
            listening: Listening::new(discovered),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let listening = self.listening.next_timeout();
        self.table.next_timeout().into_iter().chain(listening).min()
    }

    pub(super) fn held(&self) -> Held {
        let (own, listening) = (self.table.held(), self.listening.held());
        Held {
            calls: own.calls + listening.calls,
            at_server: own.at_server + listening.at_server,
            subscriptions: listening.subscriptions,
            timers: own.timers + listening.timers,
            ..own
        }
    }

    pub(super) fn on_caller(&mut self, message: Message, turn: &mut Turn<'_>) {
        match message.kind().clone() {
            Kind::Request(id) => self.on_request(id, message, turn),
            Kind::Response(Some(id)) => self.on_answer(&id, &message, turn),
            Kind::Response(None) => {}
            Kind::Notification => match message.method() {
                "notifications/initialized" => {
                    self.listening.renew(&self.caller, None, turn);
                }
                "notifications/cancelled" => {
                    if let Some(id) = message.cancelled_id() {
                        self.on_cancelled(&id, turn);
                    }
                }
                // 2026-07-28 has no other notification of clients.
                _ => {}
            },
        }
    }

    fn on_request(&mut self, id: Id, message: Message, turn: &mut Turn<'_>) {
        if self.table.by_caller.contains_key(&id) || self.listening.awaits(&id) {
            return turn.send_to_caller(Message::error(None, INVALID_REQUEST, DUPLICATE));
        }
        let params = members(message.params());
        match message.method() {
            "ping" => turn.answer(&id, "{}"),
            "initialize" => {
                self.on_server_lost(turn);
                self.caller = Caller::of_initialize(&message);
                turn.answer(&id, &self.initialized);
            }
            "logging/setLevel" => {
                self.caller.level = params.get("level").map(ByteString::from);
                turn.answer(&id, "{}");
            }
            method @ ("resources/subscribe" | "resources/unsubscribe") => {
                let uri = params.get("uri");
                let uri: Option<String> = uri.and_then(|uri| serde_json::from_str(uri).ok());
                let Some(uri) = uri.filter(|uri| uri.len() <= MOST_URI) else {
                    let why = "the request needs a uri of at most 8192 bytes";
                    return turn.refuse(&id, INVALID_PARAMS, why);
                };
                if method == "resources/unsubscribe" {
                    turn.answer(&id, "{}");
                    self.listening.unsubscribe(uri, &self.caller, turn);
                } else {
                    self.listening.subscribe(id, uri, &self.caller, turn);
                }
            }
            _ => self.start(id, message, turn),
        }
    }

    fn start(&mut self, id: Id, request: Message, turn: &mut Turn<'_>) {
        if self.table.calls.len() >= turn.options.most_calls {
            return turn.refuse(&id, UNAVAILABLE, TOO_MANY);
        }
        let key = turn.key();
        let bytes = request.text().len();
        let call = Call {
            id: id.clone(),
            request,
            at_server: None,
            questions: Vec::new(),
            state: None,
            rounds: 0,
            pauses: 0,
        };
        self.table.insert(key, id, call, bytes);
        self.send(key, turn);
        self.make_room(turn);
    }

    /// Sends a call to the server: the first time, or with the caller's answers.
    fn send(&mut self, key: Key, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        self.table.timers.stop(key);
        let mut params = members(call.request.params());
        let questions = std::mem::take(&mut call.questions);
        if !questions.is_empty() {
            let mut answers = Members::default();
            for question in &questions {
                answers.set(&question.key, question.answer.as_deref().unwrap_or("{}"));
            }
            params.set("inputResponses", answers.json());
        }
        let state = call.state.take();
        if let Some(state) = &state {
            params.set("requestState", &**state);
        }
        let params = self.caller.params(params);
        let id = turn.request(call.request.method(), &params);
        call.at_server = Some(id.clone());
        self.table.at_server.insert(id, key);
    }

    /// Takes the caller's answer to a question.
    fn on_answer(&mut self, id: &Id, message: &Message, turn: &mut Turn<'_>) {
        let Some((key, call)) = self.table.take_question(id) else {
            return;
        };
        let Some(question) = call.questions.iter_mut().find(|it| it.id == *id) else {
            return;
        };
        let answer: ByteString = match message.outcome() {
            Some(Outcome::Result(result)) => ByteString::from(result),
            _ if question.method == "elicitation/create" => CANCEL.into(),
            Some(Outcome::Error(error)) => {
                let (method, why) = (&question.method, error_message(error));
                let why = format!("the client did not answer {method}: {why}");
                return self.fail(key, UNAVAILABLE, &why, turn);
            }
            None => return,
        };
        let bytes = answer.len();
        question.answer = Some(answer);
        let is_complete = call.questions.iter().all(|it| it.answer.is_some());
        self.table.shares.add(key, bytes);
        if is_complete {
            self.send(key, turn);
        }
        self.make_room(turn);
    }

    /// Takes back a call that the caller has cancelled.
    fn on_cancelled(&mut self, id: &Id, turn: &mut Turn<'_>) {
        if self.listening.cancel(id) {
            return;
        }
        if let Some(key) = self.table.by_caller.get(id).copied() {
            self.close(key, turn);
        }
    }

    pub(super) fn on_server(&mut self, message: Message, turn: &mut Turn<'_>) {
        let id = match message.kind() {
            Kind::Request(id) => {
                // Servers of 2026-07-28 send no requests.
                return turn.refuse_server(id, METHOD_NOT_FOUND, "method not found");
            }
            Kind::Notification => return self.on_notification(message, turn),
            Kind::Response(id) => id.as_ref().or(message.stream()),
        };
        let Some(id) = id else { return };
        if let Some(key) = self.table.at_server.remove(id) {
            if let Some(call) = self.table.calls.get_mut(&key) {
                call.at_server = None;
            }
            self.on_response(key, &message, turn);
        } else {
            self.listening.on_response(id, &message, &self.caller, turn);
        }
    }

    fn on_notification(&mut self, message: Message, turn: &mut Turn<'_>) {
        if self.listening.takes(&message, &self.caller, turn) {
            return;
        }
        let call = self.table.of_stream(message.stream());
        let stream = call.map(|call| call.id.clone());
        turn.send_to_caller(message.on_stream(stream));
    }

    fn on_response(&mut self, key: Key, message: &Message, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get(&key) else {
            return;
        };
        let method = call.request.method();
        match message.outcome() {
            Some(Outcome::Error(error)) => {
                let older = words::error_for_session(method, error);
                turn.pass_error(&call.id, older.as_deref().unwrap_or(error), message);
            }
            Some(Outcome::Result(result)) => {
                let required: InputRequired<'_> = serde_json::from_str(result).unwrap_or_default();
                if required.kind == "input_required" {
                    return self.ask(key, required, turn);
                }
                let older = words::result_for_session(method, result);
                turn.answer(&call.id, older.as_deref().unwrap_or(result));
            }
            None => return,
        }
        self.close(key, turn);
    }

    /// Puts the server's questions to the caller.
    fn ask(&mut self, key: Key, required: InputRequired<'_>, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        let requests = required.requests.unwrap_or_default();
        call.state = required.state.map(|state| state.get().into());
        let size = call.state.as_ref().map_or(0, |text| text.len());
        if requests.is_empty() {
            let pause = PAUSE.saturating_mul(1 << call.pauses.min(10));
            call.pauses += 1;
            self.table
                .timers
                .set(key, turn.now + pause.min(LONGEST_PAUSE));
            self.table.shares.add(key, size);
            return self.make_room(turn);
        }
        call.rounds += 1;
        let most = turn.options.most_rounds;
        if call.rounds > most {
            let why = format!("the server asked more than {most} rounds of questions");
            return self.fail(key, UNAVAILABLE, &why, turn);
        }
        let mut asked = Vec::new();
        for (name, json) in requests.iter() {
            let refused = if asked.len() >= turn.options.most_questions {
                Err("the server asked too many questions".to_owned())
            } else {
                self.caller.question(name, json)
            };
            match refused {
                Ok(question) => asked.push(question),
                Err(why) => return self.fail(key, UNAVAILABLE, &why, turn),
            }
        }
        self.table.shares.add(key, size);
        for (name, method, params) in asked {
            let id = turn.id();
            let params = words::question_for_session(&id, &method, params);
            self.table.shares.add(key, name.len() + method.len());
            self.table.questions.insert(id.clone(), key);
            let message = Message::request(id.clone(), &method, params.as_deref());
            turn.send_to_caller(message.on_stream(Some(call.id.clone())));
            call.questions.push(Question {
                id,
                key: name.to_owned(),
                method,
                answer: None,
            });
        }
        self.table
            .timers
            .set(key, turn.now + turn.options.question_timeout);
        self.make_room(turn);
    }

    pub(super) fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.table.timers.expired(turn.now) {
            let Some(call) = self.table.calls.get_mut(&key) else {
                continue;
            };
            let open = call.questions.iter_mut().filter(|it| it.answer.is_none());
            let mut unanswered = None;
            for question in open {
                self.table.questions.remove(&question.id);
                turn.send_to_caller(
                    Message::cancelled(&question.id).on_stream(Some(call.id.clone())),
                );
                if question.method != "elicitation/create" {
                    unanswered = Some(question.method.clone());
                }
                question.answer = Some(CANCEL.into());
            }
            match unanswered {
                Some(method) => {
                    let why = format!("the client did not answer {method} in time");
                    self.fail(key, UNAVAILABLE, &why, turn);
                }
                None => self.send(key, turn),
            }
        }
        self.listening.on_timeout(&self.caller, turn);
    }

    /// The number of the caller's requests without a response.
    pub(super) fn unanswered(&self) -> usize {
        self.table.calls.len() + self.listening.held().calls
    }

    /// Fails the requests at the server. Calls that wait for the caller continue: the server keeps
    /// their state in `requestState`.
    pub(super) fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        let mut lost: Vec<Key> = self.table.at_server.drain().map(|(_, key)| key).collect();
        lost.sort();
        for key in lost {
            if let Some(call) = self.table.calls.get_mut(&key) {
                call.at_server = None;
            }
            self.fail(key, UNAVAILABLE, LOST, turn);
        }
        self.listening.on_server_lost(turn);
    }

    fn make_room(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.table.makes_room(turn.options.most_bytes) {
            let why = "the call holds more than its share of memory; send less at a time";
            self.fail(key, UNAVAILABLE, why, turn);
        }
    }

    fn fail(&mut self, key: Key, code: i64, why: &str, turn: &mut Turn<'_>) {
        if let Some(call) = self.table.calls.get(&key) {
            turn.refuse(&call.id, code, why);
        }
        self.close(key, turn);
    }

    /// Ends a call. Cancels what is still open of it on either side.
    fn close(&mut self, key: Key, turn: &mut Turn<'_>) {
        let Some(call) = self.table.remove(key) else {
            return;
        };
        self.table.by_caller.remove(&call.id);
        if let Some(id) = call.at_server {
            self.table.at_server.remove(&id);
            turn.send_to_server(Message::cancelled(&id));
        }
        for question in call.questions {
            if self.table.questions.remove(&question.id).is_some() {
                let cancelled = Message::cancelled(&question.id);
                turn.send_to_caller(cancelled.on_stream(Some(call.id.clone())));
            }
        }
    }
}

/// The answer to an elicitation that the user has not answered.
const CANCEL: &str = r#"{"action":"cancel"}"#;
