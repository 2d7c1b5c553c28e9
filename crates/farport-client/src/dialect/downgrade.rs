//! A caller of 2026-07-28 in front of a server of the session era.
//!
//! The machine holds the session. Each call goes to the server under an id of the machine's own,
//! because a call outlives the caller's request: when the server asks a question, the caller's
//! request is answered with `input_required`, and the call waits until the caller repeats the
//! request with its answers.

mod asking;
mod call;
mod listening;

use std::collections::HashMap;
use std::time::Instant;

use bytestring::ByteString;
use farport_core::LogLevel;
use serde::Deserialize;
use serde_json::Value;

use super::message::{Id, Kind, Message, Outcome, error_code, error_object};
use super::meta::{members, meta_of};
use super::native::{DUPLICATE, LOST, TOO_MANY};
use super::table::CallTable;
use super::turn::{Key, Turn};
use super::{
    Held, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, REVISION, UNAVAILABLE,
    UNSUPPORTED_VERSION, words,
};
use crate::members::Members;
use asking::Strays;
use call::Call;
use listening::Listeners;

/// Translates for a caller of 2026-07-28.
#[derive(Debug)]
pub(super) struct Downgrade {
    server: Server,
    /// The log level of the session.
    level: Option<LogLevel>,
    table: CallTable<Call>,
    /// The calls that wait for the caller, by their `requestState`.
    parked: HashMap<String, Key>,
    /// The calls that the server sends progress of, by the token that it knows.
    tokens: HashMap<Id, Key>,
    strays: Strays,
    listeners: Listeners,
}

/// What the server's answer to `initialize` says.
#[derive(Debug)]
struct Server {
    initialized: ByteString,
    info: Option<ByteString>,
    logs: bool,
}

impl Downgrade {
    /// A translation in front of a server that has answered `initialize` with this result.
    pub(super) fn new(initialized: &str) -> Self {
        let members = Members::read(initialized).unwrap_or_default();
        let capabilities: Value = members
            .get("capabilities")
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        Self {
            server: Server {
                info: members.get("serverInfo").map(ByteString::from),
                logs: capabilities["logging"].is_object(),
                initialized: initialized.into(),
            },
            level: None,
            table: CallTable::default(),
            parked: HashMap::new(),
            tokens: HashMap::new(),
            strays: Strays::default(),
            listeners: Listeners::new(&capabilities),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let strays = self.strays.next_timeout();
        self.table.next_timeout().into_iter().chain(strays).min()
    }

    pub(super) fn held(&self) -> Held {
        let (own, listeners) = (self.table.held(), self.listeners.held());
        let open = self.table.calls.values().filter_map(Call::open_questions);
        Held {
            questions: open.sum::<usize>() + self.strays.len(),
            at_server: own.at_server + listeners.at_server,
            subscriptions: listeners.subscriptions,
            timers: own.timers + usize::from(self.strays.next_timeout().is_some()),
            ..own
        }
    }

    pub(super) fn on_caller(&mut self, message: Message, turn: &mut Turn<'_>) {
        match message.kind() {
            Kind::Request(id) => self.on_request(id.clone(), &message, turn),
            // The server's questions are answered in a request.
            Kind::Response(_) => {}
            Kind::Notification => {
                let Some(id) = message.cancelled_id() else {
                    return;
                };
                if let Some(key) = self.table.by_caller.get(&id).copied() {
                    self.close(key, "the client cancelled the call", turn);
                } else {
                    self.listeners.leave(&id, turn);
                }
            }
        }
    }

    fn on_request(&mut self, id: Id, message: &Message, turn: &mut Turn<'_>) {
        if self.table.by_caller.contains_key(&id) || self.listeners.contains(&id) {
            return turn.send_to_caller(Message::error(None, INVALID_REQUEST, DUPLICATE));
        }
        let params = members(message.params());
        let meta = meta_of(&params);
        let Some(version) = meta.version() else {
            return turn.refuse(&id, INVALID_PARAMS, words::NO_VERSION);
        };
        if version != REVISION {
            let data = serde_json::json!({"supported": [REVISION], "requested": version});
            let data = data.to_string();
            let error = error_object(
                UNSUPPORTED_VERSION,
                "unsupported protocol version",
                Some(&data),
            );
            return turn.fail(&id, &error);
        }
        if meta.capabilities().is_none() {
            return turn.refuse(&id, INVALID_PARAMS, words::NO_CAPABILITIES);
        }
        match message.method() {
            "server/discover" => {
                turn.answer(&id, &words::discovered(&self.server.initialized));
            }
            "subscriptions/listen" => self.listeners.listen(id, &params, turn),
            "initialize"
            | "ping"
            | "logging/setLevel"
            | "resources/subscribe"
            | "resources/unsubscribe" => {
                let method = message.method();
                let why = format!("method not found: MCP {REVISION} has no {method}");
                turn.refuse(&id, METHOD_NOT_FOUND, &why);
            }
            _ => {
                let state = params.get("requestState");
                match state.and_then(|json| serde_json::from_str::<String>(json).ok()) {
                    Some(state) => self.resume(id, &state, message, &params, turn),
                    None => self.start(id, message, &params, turn),
                }
            }
        }
    }

    /// Takes a new call.
    fn start(&mut self, id: Id, message: &Message, params: &Members<'_>, turn: &mut Turn<'_>) {
        if self.table.calls.len() >= turn.options.most_calls {
            return turn.refuse(&id, UNAVAILABLE, TOO_MANY);
        }
        let key = turn.key();
        let call = Call::new(id.clone(), message, &meta_of(params));
        let bytes = call.method.len() + call.subject.as_ref().map_or(0, String::len);
        self.table.insert(key, id, call, bytes);
        if self.adopt_strays(key) {
            self.park(key, turn);
        } else {
            self.send(key, params, turn);
        }
    }

    /// Sends a call to the server, in the words of the session era.
    fn send(&mut self, key: Key, params: &Members<'_>, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        if let Some(level) = call.level
            && self.server.logs
            && self.level.is_none_or(|known| level < known)
        {
            // A session has one level, so it is that of the call that wants most.
            self.level = Some(level);
            let params = format!(r#"{{"level":"{}"}}"#, level.as_str());
            turn.request("logging/setLevel", &params);
        }
        let meta = meta_of(params).without_protocol();
        let mut older = Members::default();
        for (name, value) in params.iter() {
            if !matches!(name, "_meta" | "inputResponses" | "requestState") {
                older.set(name, value);
            }
        }
        if let Some(meta) = meta {
            older.set("_meta", meta);
        }
        let id = turn.request(&call.method, &older.json());
        call.at_server = Some(id.clone());
        call.started = true;
        call.sent_token = call.token.clone();
        if let Some(token) = &call.sent_token {
            self.tokens.insert(token.clone(), key);
        }
        self.table.at_server.insert(id, key);
    }

    pub(super) fn on_server(&mut self, message: Message, turn: &mut Turn<'_>) {
        let id = match message.kind() {
            Kind::Request(id) => {
                let id = id.clone();
                return self.on_question(id, &message, turn);
            }
            Kind::Notification => return self.on_notification(message, turn),
            Kind::Response(id) => id.as_ref().or(message.stream()).cloned(),
        };
        let Some(id) = id else { return };
        if let Some(key) = self.table.at_server.remove(&id) {
            self.on_response(key, message, turn);
        } else {
            self.listeners.on_response(&id, &message, turn);
        }
    }

    fn on_response(&mut self, key: Key, message: Message, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        call.at_server = None;
        if call.caller.is_none() {
            // The caller comes for it with its answers.
            self.table.shares.add(key, message.text().len());
            call.answer = Some(message);
            return self.make_room(turn);
        }
        let asks_for_url = matches!(
            message.outcome(),
            Some(Outcome::Error(error)) if error_code(error) == words::URL_ELICITATION_REQUIRED
        );
        if asks_for_url && self.ask_for_urls(key, &message, turn.options.most_questions) {
            return self.park(key, turn);
        }
        self.deliver(key, &message, turn);
    }

    /// Answers the caller's request with what the server has answered.
    fn deliver(&mut self, key: Key, message: &Message, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get(&key) else {
            return;
        };
        if let Some(id) = &call.caller {
            let info = self.server.info.as_deref();
            match message.outcome() {
                Some(Outcome::Result(result)) => {
                    turn.answer(id, &words::result_for_modern(&call.method, result, info));
                }
                Some(Outcome::Error(error)) => {
                    let subject = call.subject.as_deref();
                    let newer = words::error_for_modern(&call.method, subject, error);
                    turn.pass_error(id, newer.as_deref().unwrap_or(error), message);
                }
                None => {}
            }
        }
        self.close(key, "the call has ended", turn);
    }

    fn on_notification(&mut self, message: Message, turn: &mut Turn<'_>) {
        let call = self.table.of_stream(message.stream());
        match message.method() {
            "notifications/cancelled" => {
                if let Some(id) = message.cancelled_id() {
                    self.withdraw(&id);
                }
            }
            "notifications/progress" => self.on_progress(message, turn),
            "notifications/message" => {
                let level = log_level(&message);
                let wants = |call: &&Call| call.caller.is_some() && call.wants_log(level);
                let taker = match call {
                    Some(call) => Some(call).filter(wants),
                    None => {
                        let calls = self.table.calls.iter().filter(|(_, call)| wants(call));
                        calls.max_by_key(|(key, _)| **key).map(|(_, call)| call)
                    }
                };
                if let Some(call) = taker {
                    let stream = call.caller.clone();
                    turn.send_to_caller(message.on_stream(stream));
                }
            }
            method if listening::is_change(method) => self.listeners.notify(&message, turn),
            // 2026-07-28 has neither of them.
            "notifications/elicitation/complete" | "notifications/tasks/status" => {}
            _ => {
                let stream = call.and_then(|call| call.caller.clone());
                turn.send_to_caller(message.on_stream(stream));
            }
        }
    }

    fn on_progress(&self, message: Message, turn: &mut Turn<'_>) {
        let params = members(message.params());
        let token = params.get("progressToken").and_then(Id::read);
        let Some(token) = token else { return };
        let call = self
            .tokens
            .get(&token)
            .and_then(|key| self.table.calls.get(key));
        let Some(call) = call else { return };
        let (Some(caller), Some(current)) = (&call.caller, &call.token) else {
            return;
        };
        let stream = Some(caller.clone());
        if *current == token {
            return turn.send_to_caller(message.on_stream(stream));
        }
        // The caller has repeated its request with another token.
        let mut renamed = params;
        renamed.set("progressToken", current.json().to_owned());
        let renamed = Message::notification(message.method(), Some(&renamed.json()));
        turn.send_to_caller(renamed.on_stream(stream));
    }

    pub(super) fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.table.timers.expired(turn.now) {
            let is_parked = self
                .table
                .calls
                .get(&key)
                .is_some_and(|it| it.caller.is_none());
            if is_parked {
                self.close(key, "the client did not answer in time", turn);
            } else {
                self.park(key, turn);
            }
        }
        self.strays.on_timeout(turn);
    }

    /// The number of the caller's requests without a response, except for its subscriptions.
    pub(super) fn unanswered(&self) -> usize {
        self.table.by_caller.len()
    }

    /// Fails each request that waits for the server. Parked calls end with their session.
    pub(super) fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        let mut lost: Vec<Id> = self.table.by_caller.keys().cloned().collect();
        lost.sort();
        for id in lost {
            turn.refuse(&id, UNAVAILABLE, LOST);
        }
        self.listeners.fail(LOST, turn);
    }

    /// Ends the translation for a caller that continues in the session era, in the same session.
    /// Returns the answer to its `initialize`.
    pub(super) fn close_for_session(&mut self, turn: &mut Turn<'_>) -> String {
        const WHY: &str = "the client has opened a session";
        let mut keys: Vec<Key> = self.table.calls.keys().copied().collect();
        keys.sort();
        for key in keys {
            self.fail(key, WHY, turn);
        }
        self.listeners.fail(WHY, turn);
        self.strays.refuse_all(WHY, turn);
        self.server.initialized.to_string()
    }

    fn make_room(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.table.makes_room(turn.options.most_bytes) {
            let why = "the call holds more than its share of memory; send less at a time";
            self.fail(key, why, turn);
        }
    }

    fn fail(&mut self, key: Key, why: &str, turn: &mut Turn<'_>) {
        if let Some(id) = self
            .table
            .calls
            .get(&key)
            .and_then(|call| call.caller.as_ref())
        {
            turn.refuse(id, UNAVAILABLE, why);
        }
        self.close(key, why, turn);
    }

    /// Ends a call. Cancels what is still open of it at the server.
    fn close(&mut self, key: Key, why: &str, turn: &mut Turn<'_>) {
        let Some(call) = self.table.remove(key) else {
            return;
        };
        if let Some(id) = &call.caller {
            self.table.by_caller.remove(id);
        }
        if let Some(state) = &call.parked {
            self.parked.remove(state);
        }
        if let Some(token) = &call.sent_token
            && self.tokens.get(token) == Some(&key)
        {
            self.tokens.remove(token);
        }
        let was_at_server = call.at_server.is_some();
        if let Some(id) = &call.at_server {
            self.table.at_server.remove(id);
            turn.send_to_server(Message::cancelled(id));
        }
        for question in call.questions {
            self.close_question(question, was_at_server, why, turn);
        }
    }
}

/// The level of a `notifications/message`; the least severe where it has none.
fn log_level(message: &Message) -> LogLevel {
    #[derive(Deserialize)]
    struct Params {
        level: LogLevel,
    }
    let params = message.params();
    let read = params.and_then(|params| serde_json::from_str::<Params>(params).ok());
    read.map_or(LogLevel::Debug, |params| params.level)
}
