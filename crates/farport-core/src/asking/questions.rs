//! The open questions of one call.

use std::{fmt, sync::Arc};

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

    /// Opens a question with the text of a registered request.
    ///
    /// # Errors
    /// [`Undeliverable::TooManyRequests`] if the open questions are too large, and
    /// [`Undeliverable::Ended`] if the request is not registered.
    pub fn ask(
        &mut self,
        local: i64,
        method: &str,
        params: Option<&str>,
    ) -> Result<(), Undeliverable> {
        let to = self.refuse(local).ok_or(Undeliverable::Ended)?;
        let bytes = method.len() + params.map_or(0, str::len);
        if self.bytes + bytes > Self::MOST_BYTES {
            return Err(Undeliverable::TooManyRequests);
        }
        self.asked += 1;
        self.bytes += bytes;
        self.open.push(Question {
            key: format!("question-{}", self.asked),
            local,
            to,
            method: method.into(),
            params: params
                .and_then(|params| serde_json::from_str(params).ok())
                .and_then(without_progress_token),
            bytes,
        });
        Ok(())
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

/// Removes the progress token, because a client cannot report progress on a question.
fn without_progress_token(mut params: Value) -> Option<Value> {
    let members = params.as_object_mut()?;
    if let Some(Value::Object(meta)) = members.get_mut("_meta") {
        meta.remove("progressToken");
        if meta.is_empty() {
            members.remove("_meta");
        }
    }
    (!members.is_empty()).then_some(params)
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
