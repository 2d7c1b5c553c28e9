//! What a server sends while a request runs, shown on standard error.

use std::io::{IsTerminal, Write};

use farport_client::ServerMessage;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Error;
use super::session::Session;
use crate::terminal::Plain;

/// The most rounds in which a server requires input.
const MOST_ROUNDS: usize = 32;
/// JSON-RPC: the method is not supported.
const METHOD_NOT_FOUND: i64 = -32601;

/// Sends a request and waits for its result. Progress is shown on a terminal, log messages always, and
/// questions of the server are answered. Where the server requires input, the request is sent again with it.
///
/// The time limit starts again with each message of the server.
///
/// # Errors
/// When the request cannot be sent, the server answers with an error, or nothing arrives in time.
pub(crate) async fn request(
    session: &Session,
    method: &str,
    params: &impl Serialize,
) -> Result<Box<RawValue>, Error> {
    let mut params = serde_json::to_value(params).map_err(Error::Result)?;
    for _ in 0..MOST_ROUNDS {
        let result = once(session, method, &params).await?;
        if !result.get().contains("input_required") {
            return Ok(result);
        }
        let required: Value = value(&result)?;
        if required["resultType"] != "input_required" {
            return Ok(result);
        }
        params["inputResponses"] = input(session, &required["inputRequests"]).await?;
        params["requestState"] = required["requestState"].clone();
        if params["requestState"].is_null()
            && let Some(params) = params.as_object_mut()
        {
            params.remove("requestState");
        }
    }
    Err(Error::Rounds(MOST_ROUNDS))
}

/// Reads a result.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn value(result: &RawValue) -> Result<Value, Error> {
    serde_json::from_str(result.get()).map_err(Error::Result)
}

async fn once(session: &Session, method: &str, params: &Value) -> Result<Box<RawValue>, Error> {
    let mut call = session.request(method, params)?;
    let mut line = Line::new();
    loop {
        let next = super::open::within(session.limit, async {
            tokio::select! {
                biased;
                message = call.next() => Ok(message),
                message = session.message() => Ok(Some(message)),
            }
        });
        match next.await {
            Ok(Some(message @ ServerMessage::Request { .. })) => {
                line.clear();
                respond(session, message).await?;
            }
            Ok(Some(message)) => line.show(&message),
            Ok(None) => break,
            Err(error) => {
                line.clear();
                return Err(error);
            }
        }
    }
    line.clear();
    Ok(call.response().await?)
}

/// Responds to a request of the server.
///
/// # Errors
/// When the response cannot be sent, or the answers on the command line do not fit.
pub(crate) async fn respond(session: &Session, message: ServerMessage) -> Result<(), Error> {
    let ServerMessage::Request {
        id, method, params, ..
    } = message
    else {
        return Ok(());
    };
    match session
        .answers
        .answer(&method, &read(params.as_deref()))
        .await?
    {
        Some(result) => session.respond(&id, &result).await?,
        None => {
            session
                .refuse(&id, METHOD_NOT_FOUND, "Method not found")
                .await?
        }
    }
    Ok(())
}

/// The input that a result requires.
///
/// # Errors
/// When a request of the server cannot be answered.
pub(crate) async fn input(session: &Session, requests: &Value) -> Result<Value, Error> {
    let mut responses = Map::new();
    for (key, request) in requests.as_object().into_iter().flatten() {
        let method = request["method"].as_str().unwrap_or_default();
        let response = match method {
            "roots/list" => Some(json!({ "roots": [] })),
            method => session.answers.answer(method, &request["params"]).await?,
        };
        let response = response.ok_or_else(|| Error::Unanswered {
            message: method.to_owned(),
            why: "farport cannot answer it on the command line".to_owned(),
        })?;
        responses.insert(key.clone(), response);
    }
    Ok(Value::Object(responses))
}

/// The line of standard error that shows progress.
struct Line {
    on_terminal: bool,
    shown: bool,
}

impl Line {
    fn new() -> Self {
        Self {
            on_terminal: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    fn show(&mut self, message: &ServerMessage) {
        let ServerMessage::Notification { method, params, .. } = message else {
            return;
        };
        let params = read(params.as_deref());
        match method.as_str() {
            "notifications/progress" if self.on_terminal => {
                self.clear();
                self.shown = true;
                eprint!("{}", Plain(progress(&params)));
                // A terminal that cannot be written to shows no progress.
                let _ = std::io::stderr().flush();
            }
            "notifications/message" => {
                self.clear();
                anstream::eprintln!("{}", Plain(log(&params)));
            }
            _ => {}
        }
    }

    /// Removes the progress from the terminal.
    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\u{1b}[K");
        }
    }
}

fn read(params: Option<&RawValue>) -> Value {
    let params = params.and_then(|params| serde_json::from_str(params.get()).ok());
    params.unwrap_or_default()
}

fn progress(params: &Value) -> String {
    let done = &params["progress"];
    let share = match (done.as_f64(), params["total"].as_f64()) {
        (Some(done), Some(total)) if total > 0.0 => format!("{:.0} %", 100.0 * done / total),
        _ => done.to_string(),
    };
    match params["message"].as_str() {
        Some(message) => format!("{share}  {message}"),
        None => share,
    }
}

fn log(params: &Value) -> String {
    let level = params["level"].as_str().unwrap_or("info");
    let data = &params["data"];
    match data.as_str() {
        Some(text) => format!("{level}: {text}"),
        None => format!("{level}: {data}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{log, progress};
    use serde_json::json;

    #[test]
    fn progress_is_a_share_where_the_total_is_known() {
        for (params, expected) in [
            (json!({"progress": 1, "total": 4}), "25 %"),
            (
                json!({"progress": 1, "total": 4, "message": "reading"}),
                "25 %  reading",
            ),
            (json!({"progress": 7}), "7"),
            (json!({"progress": 7, "total": 0}), "7"),
        ] {
            assert_eq!(progress(&params), expected, "{params}");
        }
        assert_eq!(log(&json!({"level": "error", "data": "x"})), "error: x");
        assert_eq!(log(&json!({"data": {"a": 1}})), "info: {\"a\":1}");
    }
}
