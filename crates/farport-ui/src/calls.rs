//! Requests of the page, the rounds in which a server requires input, and the server's own requests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use farport_client::{Error, RequestId, ServerMessage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::chat::{CallUpdate, Updates};
use crate::exchange::milliseconds;
use crate::live::{Answer, Live, Outcome, Refused};
use crate::mask::json as masked_json;
use crate::questions::{Asker, Reply};
use crate::state::State;

/// JSON-RPC: the method is not supported.
const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: the client cannot answer now.
const BUSY: i64 = -32603;
/// The most rounds of one call.
const MOST_ROUNDS: usize = 32;

/// A result that requires input (2026-07-28).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    #[serde(default)]
    result_type: Option<String>,
    #[serde(borrow, default)]
    input_requests: BTreeMap<String, InputRequest<'a>>,
    #[serde(borrow, default)]
    request_state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputRequest<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl State {
    /// Sends a request of the page.
    pub(crate) async fn request(
        &self,
        id: u64,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Answer, Refused> {
        let (live, generation) = self.live()?;
        let running = live.begin(id)?;
        let since = Instant::now();
        let outcome = tokio::select! {
            biased;
            () = running.stop.cancelled() => Outcome::Cancelled(true),
            outcome = self.rounds(&live, generation, method, params, None) => outcome,
        };
        self.drop_abandoned(generation);
        let bytes = match &outcome {
            Outcome::Result(json) | Outcome::Error(json) => json.get().len(),
            Outcome::Failed(_) | Outcome::Cancelled(_) => 0,
        };
        let ms = milliseconds(since.elapsed());
        let mask = |text: &str| match live.connection.masked(text) {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        };
        let (outcome, masked) = match outcome {
            Outcome::Result(json) => masked_json(json, mask, Outcome::Result),
            Outcome::Error(json) => masked_json(json, mask, Outcome::Error),
            other => (other, false),
        };
        Ok(Answer {
            outcome,
            ms,
            bytes,
            masked,
        })
    }

    /// Sends the request again for as long as the server requires input. `updates` receives what happens
    /// until then.
    pub(crate) async fn rounds(
        &self,
        live: &Arc<Live>,
        generation: u64,
        method: &str,
        params: Option<&RawValue>,
        updates: Option<Updates<'_>>,
    ) -> Outcome {
        let mut params = params.map_or_else(empty_object, ToOwned::to_owned);
        for _ in 0..MOST_ROUNDS {
            let result = self.once(live, generation, method, &params, updates).await;
            let result = match result {
                Ok(result) => result,
                Err(Error::Response(error)) => {
                    let error = json!({
                        "code": error.code, "message": error.message, "data": error.data,
                    });
                    return Outcome::Error(raw(&error));
                }
                Err(Error::Stopped) => {
                    return Outcome::Failed("the connection was closed".to_owned());
                }
                Err(error) => return Outcome::Failed(self.masked(&error.with_hint())),
            };
            let required = serde_json::from_str::<InputRequired<'_>>(result.get());
            let required = match required {
                Ok(required) if required.result_type.as_deref() == Some("input_required") => {
                    required
                }
                _ => return Outcome::Result(result),
            };
            match self.input(generation, &required).await {
                Ok(responses) => params = next_round(&params, &responses, required.request_state),
                Err(why) => return Outcome::Failed(why),
            }
        }
        Outcome::Failed(format!(
            "the server required input more than {MOST_ROUNDS} times"
        ))
    }

    async fn once(
        &self,
        live: &Arc<Live>,
        generation: u64,
        method: &str,
        params: &RawValue,
        updates: Option<Updates<'_>>,
    ) -> Result<Box<RawValue>, Error> {
        let mut call = live.connection.request(method, &params)?;
        if let Some(updates) = updates {
            updates(CallUpdate::Sent(call.id().to_string()));
        }
        while let Some(message) = call.next().await {
            if let Some(updates) = updates
                && let ServerMessage::Notification { method, params, .. } = &message
                && let Some(update) = CallUpdate::of(method, params.as_deref().map(RawValue::get))
            {
                updates(update);
            }
            self.incoming(live, generation, message).await;
        }
        call.response().await
    }

    /// Lets the user answer requests of a server, by their keys.
    pub(crate) async fn answers(&self, generation: u64, requests: &Value) -> Result<Value, String> {
        let text = json!({ "inputRequests": requests }).to_string();
        let required = serde_json::from_str::<InputRequired<'_>>(&text);
        let required =
            required.map_err(|error| format!("the server's requests are invalid: {error}"))?;
        let answers = self.input(generation, &required).await?;
        serde_json::to_value(answers).map_err(|error| error.to_string())
    }

    /// Collects the input that a round requires.
    async fn input(
        &self,
        generation: u64,
        required: &InputRequired<'_>,
    ) -> Result<BTreeMap<String, Box<RawValue>>, String> {
        let mut responses = BTreeMap::new();
        let mut waiting = Vec::new();
        for (key, request) in &required.input_requests {
            if request.method == "roots/list" {
                responses.insert(key.clone(), self.roots());
                continue;
            }
            let (reply, answer) = oneshot::channel();
            let params = request.params.map(ToOwned::to_owned);
            if self
                .question(generation, Asker::Round(reply), &request.method, params)
                .is_err()
            {
                return Err("too many requests of the server are open".to_owned());
            }
            waiting.push((key, answer));
        }
        for (key, answer) in waiting {
            match answer.await {
                Ok(Reply::Result(result)) => {
                    responses.insert(key.clone(), result);
                }
                Ok(Reply::Error(_)) | Err(_) => {
                    return Err("you refused a request of the server, so the call ended".to_owned());
                }
            }
        }
        Ok(responses)
    }

    /// Handles a request or notification of the server.
    pub(crate) async fn incoming(&self, live: &Arc<Live>, generation: u64, message: ServerMessage) {
        match message {
            ServerMessage::Request {
                id, method, params, ..
            } => self.asked(live, generation, id, &method, params).await,
            ServerMessage::Notification { method, params, .. }
                if method == "notifications/cancelled" =>
            {
                #[derive(Deserialize)]
                #[serde(rename_all = "camelCase")]
                struct Cancelled<'a> {
                    #[serde(borrow)]
                    request_id: &'a RawValue,
                }
                let params = params.unwrap_or_else(empty_object);
                if let Ok(cancelled) = serde_json::from_str::<Cancelled<'_>>(params.get()) {
                    self.cancel_question(generation, cancelled.request_id.get());
                }
            }
            ServerMessage::Notification { method, .. }
                if method == "notifications/tools/list_changed" =>
            {
                self.chat().tools_changed();
            }
            _ => {}
        }
    }

    async fn asked(
        &self,
        live: &Arc<Live>,
        generation: u64,
        id: RequestId,
        method: &str,
        params: Option<Box<RawValue>>,
    ) {
        let connection = &live.connection;
        let sent = match method {
            "roots/list" => connection.respond(&id, &self.roots()).await,
            "elicitation/create" | "sampling/createMessage" => {
                let asker = Asker::Session(connection.clone(), id.clone());
                match self.question(generation, asker, method, params) {
                    Ok(()) => Ok(()),
                    Err(_) => {
                        let why = "too many requests of the server are open";
                        connection.refuse(&id, BUSY, why).await
                    }
                }
            }
            _ => {
                let why = "the inspector does not support this method";
                connection.refuse(&id, METHOD_NOT_FOUND, why).await
            }
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a response did not reach the server");
        }
    }

    /// Answers a question. False if it is not open.
    pub(crate) async fn answer(&self, number: u64, reply: Reply) -> Result<bool, Refused> {
        let generation = self.generation();
        let Some(question) = self.take_question(generation, number) else {
            return Ok(false);
        };
        match question.asker {
            Asker::Round(waiting) => Ok(waiting.send(reply).is_ok()),
            Asker::Session(connection, id) => {
                let sent = match &reply {
                    Reply::Result(result) => connection.respond(&id, result).await,
                    Reply::Error(error) => {
                        #[derive(Deserialize)]
                        struct Wanted {
                            #[serde(default)]
                            code: i64,
                            #[serde(default)]
                            message: String,
                        }
                        let error: Wanted = serde_json::from_str(error.get()).unwrap_or(Wanted {
                            code: BUSY,
                            message: "refused".to_owned(),
                        });
                        connection.refuse(&id, error.code, &error.message).await
                    }
                };
                Ok(sent.is_ok())
            }
        }
    }
}

/// The parameters of the next round. Numbers keep their text.
fn next_round(
    params: &RawValue,
    responses: &BTreeMap<String, Box<RawValue>>,
    state: Option<&RawValue>,
) -> Box<RawValue> {
    let mut members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(params.get()).unwrap_or_default();
    members.insert("inputResponses".to_owned(), raw(responses));
    match state {
        Some(state) => members.insert("requestState".to_owned(), state.to_owned()),
        None => members.remove("requestState"),
    };
    raw(&members)
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Maps with string keys always serialize.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

fn empty_object() -> Box<RawValue> {
    raw(&json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_repeats_the_parameters_as_they_are() {
        let params =
            r#"{"name":"add","arguments":{"n":12345678901234567890,"f":1.0},"requestState":"old"}"#;
        let params = RawValue::from_string(params.to_owned()).unwrap();
        let responses = BTreeMap::from([("a".to_owned(), raw(&json!({ "action": "accept" })))]);
        let state = RawValue::from_string(r#""new""#.to_owned()).unwrap();
        let next = next_round(&params, &responses, Some(&state));
        assert_eq!(
            next.get(),
            r#"{"arguments":{"n":12345678901234567890,"f":1.0},"inputResponses":{"a":{"action":"accept"}},"name":"add","requestState":"new"}"#
        );
        assert!(!next_round(&params, &responses, None).get().contains("old"));
    }
}
