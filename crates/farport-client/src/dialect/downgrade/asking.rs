//! The server's questions: gathered, put into an `input_required` result, and answered when the
//! caller repeats its request.

use std::collections::VecDeque;
use std::time::Instant;

use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Downgrade;
use super::call::{Call, Question};
use crate::dialect::message::{Id, Message, Outcome};
use crate::dialect::meta::{Declared, meta_of};
use crate::dialect::turn::{Key, Turn};
use crate::dialect::{INVALID_PARAMS, UNAVAILABLE};
use crate::members::Members;

/// The most questions that wait for a call.
const MOST_STRAYS: usize = 8;

/// Questions that belong to no call, oldest first. They are put to the caller with its next call.
#[derive(Debug, Default)]
pub(super) struct Strays(VecDeque<(Instant, Question)>);

impl Strays {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.0.front().map(|(until, _)| *until)
    }

    pub(super) fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        while let Some((until, question)) = self.0.pop_front() {
            if until > turn.now {
                return self.0.push_front((until, question));
            }
            if let Some(id) = &question.id {
                turn.refuse_server(id, UNAVAILABLE, "no call of the client could carry it");
            }
        }
    }

    pub(super) fn refuse_all(&mut self, why: &str, turn: &mut Turn<'_>) {
        for (_, question) in self.0.drain(..) {
            if let Some(id) = &question.id {
                turn.refuse_server(id, UNAVAILABLE, why);
            }
        }
    }

    fn withdraw(&mut self, id: &Id) {
        self.0
            .retain(|(_, question)| question.id.as_ref() != Some(id));
    }

    fn contains(&self, id: &Id) -> bool {
        self.0.iter().any(|(_, it)| it.id.as_ref() == Some(id))
    }
}

impl Downgrade {
    /// Takes a request of the server.
    pub(super) fn on_question(&mut self, id: Id, message: &Message, turn: &mut Turn<'_>) {
        let method = message.method();
        if method == "ping" {
            return turn.send_to_server(Message::result(id, "{}"));
        }
        let params = message.params();
        if let Err((code, why)) = ANYTHING.permits(method, params.map(|params| &**params)) {
            return turn.refuse_server(&id, code, &why);
        }
        if self.table.questions.contains_key(&id) || self.strays.contains(&id) {
            // The server has used the id before. The first question is the one that is answered.
            return;
        }
        let named = message.stream().and_then(|id| self.table.at_server.get(id));
        let named = named.filter(|key| self.table.calls.get(key).is_some_and(Call::can_ask));
        let is_certain = named.is_some();
        let key = named.copied().or_else(|| self.likely_call(method, params));
        let question = Question {
            key: String::new(),
            method: method.to_owned(),
            params: params.map(|params| ByteString::from(&**params)),
            id: Some(id),
            is_certain,
        };
        match key {
            Some(key) => self.add_question(key, question, turn),
            None => self.add_stray(question, turn),
        }
    }

    /// The newest call at the server that the caller can be asked in.
    fn likely_call(&self, method: &str, params: Option<&ByteString>) -> Option<Key> {
        let params = params.map(|params| &**params);
        let calls = self.table.calls.iter().filter(|(_, call)| {
            call.at_server.is_some()
                && call.can_ask()
                && call.declared.permits(method, params).is_ok()
        });
        calls.map(|(key, _)| *key).max()
    }

    fn add_question(&mut self, key: Key, mut question: Question, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        let params = question.params.as_deref();
        let permitted = call.declared.permits(&question.method, params);
        let permitted = match permitted {
            Ok(()) if call.questions.len() >= turn.options.most_questions => {
                Err((UNAVAILABLE, "the call has too many questions".to_owned()))
            }
            other => other,
        };
        if let Err((code, why)) = permitted {
            if let Some(id) = &question.id {
                turn.refuse_server(id, code, &why);
            }
            return;
        }
        question.key = format!("question-{}", turn.key().0);
        if let Some(id) = &question.id {
            self.table.questions.insert(id.clone(), key);
        }
        self.table.shares.add(key, question.size());
        let is_first = call.questions.is_empty();
        call.questions.push(question);
        // A parked call puts it to the caller in the next round.
        if call.caller.is_some() && is_first {
            self.table.timers.set(key, turn.now + turn.options.gather);
        }
        self.make_room(turn);
    }

    fn add_stray(&mut self, question: Question, turn: &mut Turn<'_>) {
        let size = question.size();
        let is_open = self.strays.len() < MOST_STRAYS && size <= turn.options.most_bytes / 64;
        if is_open {
            let until = turn.now + turn.options.stray_timeout;
            self.strays.0.push_back((until, question));
        } else if let Some(id) = &question.id {
            turn.refuse_server(id, UNAVAILABLE, "no call of the client can carry it");
        }
    }

    /// Gives a new call the questions that have waited for one. Whether there are any.
    pub(super) fn adopt_strays(&mut self, key: Key) -> bool {
        let Some(call) = self.table.calls.get_mut(&key).filter(|call| call.can_ask()) else {
            return false;
        };
        let mut kept = VecDeque::new();
        for (until, mut question) in self.strays.0.drain(..) {
            let params = question.params.as_deref();
            if call.declared.permits(&question.method, params).is_err() {
                kept.push_back((until, question));
                continue;
            }
            question.key = format!("question-{}", call.questions.len() + 1);
            if let Some(id) = &question.id {
                self.table.questions.insert(id.clone(), key);
            }
            self.table.shares.add(key, question.size());
            call.questions.push(question);
        }
        self.strays.0 = kept;
        !call.questions.is_empty()
    }

    /// Forgets a question that the server has cancelled.
    pub(super) fn withdraw(&mut self, id: &Id) {
        self.strays.withdraw(id);
        let Some((key, call)) = self.table.take_question(id) else {
            return;
        };
        call.questions.retain(|it| it.id.as_ref() != Some(id));
        if call.questions.is_empty() && call.caller.is_some() {
            self.table.timers.stop(key);
        }
    }

    /// Reads the URLs that the server wants visited before the call is repeated (2025-11-25,
    /// "URL Elicitation Required Error"). Whether the caller can be asked to visit them.
    pub(super) fn ask_for_urls(&mut self, key: Key, message: &Message, most: usize) -> bool {
        #[derive(Deserialize)]
        struct Required<'a> {
            #[serde(borrow)]
            data: Data<'a>,
        }
        #[derive(Deserialize)]
        struct Data<'a> {
            #[serde(borrow)]
            elicitations: Vec<&'a RawValue>,
        }
        let Some(call) = self.table.calls.get_mut(&key) else {
            return false;
        };
        let Some(Outcome::Error(error)) = message.outcome() else {
            return false;
        };
        let Ok(required) = serde_json::from_str::<Required<'_>>(error) else {
            return false;
        };
        let urls = required.data.elicitations;
        let fits = (1..=most).contains(&urls.len());
        if !fits || !call.can_ask() || !call.declared.url {
            return false;
        }
        call.started = false;
        for url in urls {
            let question = Question {
                key: format!("url-{}", call.questions.len() + 1),
                id: None,
                method: "elicitation/create".to_owned(),
                params: Some(url.get().into()),
                is_certain: true,
            };
            self.table.shares.add(key, question.size());
            call.questions.push(question);
        }
        true
    }

    /// Answers the caller's request with the questions, and waits for the next one.
    pub(super) fn park(&mut self, key: Key, turn: &mut Turn<'_>) {
        let Some(call) = self.table.calls.get_mut(&key) else {
            return;
        };
        let Some(caller) = call.caller.take() else {
            return;
        };
        self.table.by_caller.remove(&caller);
        let mut requests = Members::default();
        for question in &call.questions {
            let mut request = Members::default();
            request.set(
                "method",
                serde_json::Value::from(&*question.method).to_string(),
            );
            if let Some(params) = &question.params {
                request.set("params", &**params);
            }
            requests.set(&question.key, request.json());
        }
        let state = turn.request_state();
        let mut result = Members::default();
        result.set("resultType", r#""input_required""#);
        result.set("inputRequests", requests.json());
        result.set("requestState", serde_json::Value::from(&*state).to_string());
        turn.answer(&caller, &result.json());
        call.parked = Some(state.clone());
        self.parked.insert(state, key);
        self.table
            .timers
            .set(key, turn.now + turn.options.question_timeout);
        if self.parked.len() > turn.options.most_parked {
            let calls = self.parked.values().copied();
            if let Some(oldest) = calls.min_by_key(|key| self.table.timers.at(*key)) {
                self.close(oldest, "too many calls wait for the client", turn);
            }
        }
        self.make_room(turn);
    }

    /// Takes a request that the caller repeats with its answers.
    pub(super) fn resume(
        &mut self,
        id: Id,
        state: &str,
        message: &Message,
        params: &Members<'_>,
        turn: &mut Turn<'_>,
    ) {
        const UNKNOWN: &str = "unknown or expired requestState; send the request again without it";
        let Some(key) = self.parked.get(state).copied() else {
            return turn.refuse(&id, INVALID_PARAMS, UNKNOWN);
        };
        let Some(call) = self.table.calls.get_mut(&key) else {
            return turn.refuse(&id, INVALID_PARAMS, UNKNOWN);
        };
        if call.method != message.method() || call.subject != message.header_facts().name {
            let why = "the requestState belongs to another request";
            return turn.refuse(&id, INVALID_PARAMS, why);
        }
        self.table.timers.stop(key);
        self.parked.remove(state);
        call.parked = None;
        call.attach(id.clone(), &meta_of(params));
        self.table.by_caller.insert(id, key);
        let answers = params.get("inputResponses").and_then(Members::read);
        let answers = answers.unwrap_or_default();
        let mut left = Vec::new();
        for question in call.questions.drain(..) {
            let answer = answers.get(&question.key);
            match answer.filter(|json| json.starts_with('{')) {
                Some(answer) => {
                    if let Some(id) = &question.id {
                        self.table.questions.remove(id);
                        turn.send_to_server(Message::result(id.clone(), answer));
                    }
                }
                None => left.push(question),
            }
        }
        call.questions = left;
        if let Some(answer) = call.answer.take() {
            self.deliver(key, &answer, turn);
        } else if !call.questions.is_empty() {
            self.park(key, turn);
        } else if !call.started {
            self.send(key, params, turn);
        }
    }

    /// Ends a question of a call that has ended. A question that may belong to another call moves
    /// there.
    pub(super) fn close_question(
        &mut self,
        question: Question,
        was_at_server: bool,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        let Some(id) = &question.id else { return };
        self.table.questions.remove(id);
        let other = self.likely_call(&question.method, question.params.as_ref());
        match other {
            Some(key) if !question.is_certain && !was_at_server => {
                self.add_question(key, question, turn);
            }
            _ => turn.refuse_server(id, UNAVAILABLE, why),
        }
    }
}

/// A client that can be asked everything.
const ANYTHING: Declared = Declared {
    form: true,
    url: true,
    sampling: true,
    sampling_tools: true,
    roots: true,
};
