//! The open questions of one call.

use std::{collections::HashMap, fmt, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{Outcome, RawJson, ReplyTo, Timestamp, Undeliverable};

/// The questions of a call that its client has not answered, in their order.
#[derive(Default)]
pub struct Questions {
    /// The number of questions that this call has asked.
    asked: u64,
    /// Requests that were registered, and not sent yet.
    expected: Vec<(i64, Arc<dyn ReplyTo>)>,
    open: Vec<Question>,
    bytes: usize,
    /// Answers that the client sent before the questions.
    offered: HashMap<String, Box<str>>,
    /// When the open questions expire, once the client has received one.
    deadline: Option<Timestamp>,
}

struct Question {
    key: String,
    local: i64,
    to: Arc<dyn ReplyTo>,
    method: Box<str>,
    params: Option<Value>,
    bytes: usize,
}

/// An answer for the handler.
pub struct Answer {
    to: Arc<dyn ReplyTo>,
    local: i64,
    outcome: Outcome,
}

impl Answer {
    /// Passes the answer to the handler.
    pub fn deliver(self) {
        self.to.reply(self.local, self.outcome);
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.open.iter().map(|question| &question.key).collect();
        f.debug_struct("Questions")
            .field("open", &keys)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl Questions {
    /// The maximum number of open questions of one call.
    pub const MOST: usize = 32;

    /// The maximum total size of the open questions of one call, in bytes.
    pub const MOST_BYTES: usize = 1 << 20;

    /// The member of a request's `_meta` that names the question, in up to 64 bytes. The name becomes the
    /// key in `inputRequests`. Questions without a name are numbered.
    pub const NAME: &str = "farport/question";

    /// Takes the `inputResponses` of a call's first request. They answer questions that the handler
    /// names: a client that lost its `requestState` need not ask its user again. A number could belong to
    /// another question by now, so numbered questions are always asked.
    pub fn offer(&mut self, responses: &RawJson) {
        let responses: HashMap<String, &RawValue> = responses.read().unwrap_or_default();
        let responses = responses.into_iter().take(Self::MOST);
        self.offered = responses
            .map(|(key, raw)| (key, raw.get().into()))
            .collect();
    }

    /// Drops the answers of [`Questions::offer`].
    pub fn drop_offers(&mut self) {
        self.offered = HashMap::new();
    }

    /// Registers a request of the handler, whose text follows in [`Questions::ask`].
    ///
    /// # Errors
    /// [`Undeliverable::TooManyRequests`] if the call has [`Questions::MOST`] open questions.
    pub fn expect(&mut self, local: i64, to: Arc<dyn ReplyTo>) -> Result<(), Undeliverable> {
        if self.open.len() + self.expected.len() >= Self::MOST {
            return Err(Undeliverable::TooManyRequests);
        }
        self.expected.push((local, to));
        Ok(())
    }

    /// Returns the handler's side of a registered request, which then no longer counts.
    pub fn refuse(&mut self, local: i64) -> Option<Arc<dyn ReplyTo>> {
        let index = self.expected.iter().position(|(it, _)| *it == local)?;
        Some(self.expected.swap_remove(index).1)
    }

    /// Opens a question with the text of a registered request. Returns the answer instead if the client
    /// has sent it already.
    ///
    /// # Errors
    /// [`Undeliverable::TooManyRequests`] if the open questions are too large, and
    /// [`Undeliverable::Ended`] if the request is not registered.
    pub fn ask(
        &mut self,
        local: i64,
        method: &str,
        params: Option<&str>,
    ) -> Result<Option<Answer>, Undeliverable> {
        let to = self.refuse(local).ok_or(Undeliverable::Ended)?;
        let bytes = method.len() + params.map_or(0, str::len);
        if self.bytes + bytes > Self::MOST_BYTES {
            return Err(Undeliverable::TooManyRequests);
        }
        self.asked += 1;
        let params = params.and_then(|params| serde_json::from_str(params).ok());
        let (params, name) = params.map_or((None, None), for_client);
        let is_taken = |name: &String| self.open.iter().any(|question| question.key == *name);
        let name = name.filter(|name| !is_taken(name));
        if let Some(offered) = name.as_ref().and_then(|name| self.offered.remove(name))
            && has_form(method, &offered)
        {
            let outcome = Outcome::Result(RawJson::from(String::from(offered)));
            return Ok(Some(Answer { to, local, outcome }));
        }
        self.bytes += bytes;
        self.open.push(Question {
            key: name.unwrap_or_else(|| format!("question-{}", self.asked)),
            local,
            to,
            method: method.into(),
            params,
            bytes,
        });
        Ok(None)
    }

    /// Removes a request whose answer the handler no longer needs.
    pub fn withdraw(&mut self, local: i64) {
        self.expected.retain(|(it, _)| *it != local);
        self.remove(|question| question.local == local);
    }

    /// Reports whether the client has to answer a question.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Returns the `inputRequests` of the open questions.
    pub fn requests(&self) -> Map<String, Value> {
        let requests = self.open.iter().map(|question| {
            let mut request = Map::new();
            request.insert("method".to_owned(), Value::from(&*question.method));
            if let Some(params) = &question.params {
                request.insert("params".to_owned(), params.clone());
            }
            (question.key.clone(), Value::Object(request))
        });
        requests.collect()
    }

    /// Returns when the open questions expire: at `until`, unless the client has already received
    /// one of them. So a client that repeats its request without answers gains no time.
    pub fn deadline(&mut self, until: Timestamp) -> Timestamp {
        *self.deadline.get_or_insert(until)
    }

    /// Closes the questions that `responses`, the client's `inputResponses`, answers. A question stays
    /// open if its answer is missing or has the wrong form. Unknown keys are ignored.
    pub fn answer(&mut self, responses: Option<&RawJson>) -> Vec<Answer> {
        let responses: std::collections::HashMap<String, &RawValue> = responses
            .and_then(|responses| responses.read().ok())
            .unwrap_or_default();
        let mut answers = Vec::new();
        self.remove(|question| {
            let Some(raw) = responses.get(&question.key) else {
                return false;
            };
            if !has_form(&question.method, raw.get()) {
                return false;
            }
            answers.push(Answer {
                to: question.to.clone(),
                local: question.local,
                outcome: Outcome::Result(RawJson::from(raw.get().to_owned())),
            });
            true
        });
        answers
    }

    fn remove(&mut self, mut is_closed: impl FnMut(&Question) -> bool) {
        let (mut bytes, before) = (0, self.open.len());
        self.open.retain(|question| {
            let closed = is_closed(question);
            bytes += if closed { question.bytes } else { 0 };
            !closed
        });
        self.bytes -= bytes;
        if self.open.is_empty() && before > 0 {
            self.deadline = None;
        }
    }
}

/// Returns the parameters for the client, and the name of the question. Removes the progress token,
/// because a client cannot report progress on a question.
fn for_client(mut params: Value) -> (Option<Value>, Option<String>) {
    let mut name = None;
    let Some(members) = params.as_object_mut() else {
        return (None, None);
    };
    if let Some(Value::Object(meta)) = members.get_mut("_meta") {
        meta.remove("progressToken");
        if let Some(Value::String(given)) = meta.remove(Questions::NAME) {
            name = (1..=64).contains(&given.len()).then_some(given);
        }
        if meta.is_empty() {
            members.remove("_meta");
        }
    }
    ((!members.is_empty()).then_some(params), name)
}

/// Reports whether an answer has the form that `method` requires.
fn has_form(method: &str, answer: &str) -> bool {
    #[derive(Deserialize)]
    struct Form<'a> {
        action: Option<&'a str>,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        role: Option<&'a str>,
        #[serde(borrow)]
        model: Option<&'a RawValue>,
        #[serde(borrow)]
        roots: Option<&'a RawValue>,
    }
    let Ok(form) = serde_json::from_str::<Form<'_>>(answer) else {
        return false;
    };
    let is =
        |raw: Option<&RawValue>, open: &[char]| raw.is_some_and(|raw| raw.get().starts_with(open));
    match method {
        "elicitation/create" => {
            let content = form.content.is_none() || is(form.content, &['{']);
            matches!(form.action, Some("accept" | "decline" | "cancel")) && content
        }
        "sampling/createMessage" => {
            let content = is(form.content, &['{', '[']);
            content && matches!(form.role, Some("user" | "assistant")) && is(form.model, &['"'])
        }
        "roots/list" => is(form.roots, &['[']),
        _ => false,
    }
}
