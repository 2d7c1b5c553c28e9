//! The outbox of a call that may ask its client.

use std::{
    borrow::Cow,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use farport_core::{
    EventStream, LogLevel, Outbox, Outcome, Outgoing, RawJson, ReplyTo, RpcError, Timestamp,
    Undeliverable,
    asking::{Declared, Questions},
};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

/// The destination of a handler's messages for as long as the call runs. The call's requests change, from
/// the first one to the one that receives the result.
#[derive(Debug)]
pub(crate) struct AskingOutbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    questions: Questions,
    leg: Leg,
    /// The progress token of the first request, which the handler knows.
    token: Option<RawJson>,
    /// Wakes the future that waits for a question.
    waker: Option<Waker>,
}

/// One request of a call, and how its response can be used.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The client's capabilities.
    pub(crate) capabilities: RawJson,
    /// The stream for notifications, if the request enables any.
    pub(crate) stream: Option<Arc<EventStream>>,
    /// The minimum severity of log messages.
    pub(crate) log_level: Option<LogLevel>,
    /// The progress token.
    pub(crate) token: Option<RawJson>,
}

/// A message of the handler.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl AskingOutbox {
    /// Creates the outbox of a call that starts with `leg`, which may already have answers.
    pub(crate) fn new(leg: Leg, responses: Option<&RawJson>) -> Self {
        let mut questions = Questions::default();
        if let Some(responses) = responses {
            questions.offer(responses);
        }
        Self {
            state: Mutex::new(State {
                questions,
                token: leg.token.clone(),
                leg,
                waker: None,
            }),
        }
    }

    /// Ends the current request, whose stream receives nothing more.
    pub(crate) fn pause(&self) {
        let mut state = self.lock();
        state.leg.stream = None;
        state.questions.drop_offers();
    }

    /// Continues with another request, which may answer questions.
    pub(crate) fn resume(&self, leg: Leg, responses: Option<&RawJson>) {
        let mut state = self.lock();
        state.leg = leg;
        let answers = state.questions.answer(responses);
        drop(state);
        for answer in answers {
            answer.deliver();
        }
    }

    /// Is ready when the client has to answer a question.
    pub(crate) fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.questions.is_open() {
            return Poll::Ready(());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Returns the open questions, and when they expire. `None` if the handler has withdrawn them.
    pub(crate) fn questions(&self, until: Timestamp) -> Option<(Map<String, Value>, Timestamp)> {
        let mut state = self.lock();
        let is_open = state.questions.is_open();
        is_open.then(|| (state.questions.requests(), state.questions.deadline(until)))
    }

    fn ask(&self, local: i64, method: &str, params: Option<&str>) -> Result<(), Undeliverable> {
        let mut state = self.lock();
        let declared = Declared::read(&state.leg.capabilities);
        if let Err(error) = declared.permits(method, params) {
            let to = state.questions.refuse(local);
            drop(state);
            if let Some(to) = to {
                to.reply(local, Outcome::Error(as_json(&error)));
            }
            return Ok(());
        }
        if let Some(answer) = state.questions.ask(local, method, params)? {
            drop(state);
            answer.deliver();
            return Ok(());
        }
        let waker = mem::take(&mut state.waker);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn notify(&self, method: &str, frame: Bytes) -> Result<(), Undeliverable> {
        let state = self.lock();
        // A question is no request on the wire, so the client knows no id to cancel.
        let Some(stream) = state.leg.stream.clone() else {
            return Ok(());
        };
        let frame = match method {
            "notifications/cancelled" => return Ok(()),
            "notifications/progress" if state.leg.token != state.token => {
                match (&state.leg.token, &state.token) {
                    (Some(token), Some(first)) => with_token(frame, first, token),
                    _ => return Ok(()),
                }
            }
            _ => frame,
        };
        drop(state);
        if stream.push(frame) {
            Ok(())
        } else {
            Err(Undeliverable::Ended)
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for AskingOutbox {
    fn send(&self, message: Outgoing) -> Result<(), Undeliverable> {
        if let Some(level) = message.level {
            let least = self.lock().leg.log_level;
            if least.is_none_or(|least| level < least) {
                return Ok(());
            }
        }
        let sent: Sent<'_> =
            serde_json::from_slice(&message.frame).map_err(|_| Undeliverable::NoRequests)?;
        match sent.id {
            None => self.notify(&sent.method, message.frame.clone()),
            Some(id) => {
                let local = id.parse().map_err(|_| Undeliverable::NoRequests)?;
                self.ask(local, &sent.method, sent.params.map(RawValue::get))
            }
        }
    }

    fn expect(&self, local: i64, to: Arc<dyn ReplyTo>) -> Result<String, Undeliverable> {
        self.lock().questions.expect(local, to)?;
        Ok(local.to_string())
    }

    fn retract(&self, local: i64) {
        self.lock().questions.withdraw(local);
    }
}

fn as_json(error: &RpcError) -> RawJson {
    let mut members = json!({ "code": error.code.0, "message": error.message });
    let data = error.data.as_ref().and_then(|data| data.parse().ok());
    if let Some(data) = data {
        members["data"] = data;
    }
    RawJson::from(members.to_string())
}

/// Replaces the progress token of a notification, which the handler took from the first request. Another
/// token, which is not the client's, remains.
fn with_token(frame: Bytes, first: &RawJson, token: &RawJson) -> Bytes {
    let replaced = || {
        let mut message: Value = serde_json::from_slice(&frame).ok()?;
        let place = message.get_mut("params")?.get_mut("progressToken")?;
        if *place == first.parse::<Value>().ok()? {
            *place = token.parse().ok()?;
        }
        serde_json::to_vec(&message).ok()
    };
    replaced().map_or(frame.clone(), Bytes::from)
}
