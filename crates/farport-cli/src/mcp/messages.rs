//! What a server sends while a request runs, shown on standard error.

use std::io::{IsTerminal, Write};

use farport_client::{Connection, ServerMessage};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::Error;
use crate::terminal::Plain;

/// Sends a request and waits for its result. Progress is shown on a terminal, log messages always.
///
/// `limit` is in seconds and starts again with each message of the server; 0 is no limit.
///
/// # Errors
/// When the request cannot be sent, the server answers with an error, or nothing arrives in time.
pub(crate) async fn request(
    connection: &Connection,
    method: &str,
    params: &impl Serialize,
    limit: u64,
) -> Result<Value, Error> {
    let mut call = connection.request(method, params)?;
    let mut line = Line::new();
    loop {
        let next = super::open::within(limit, async { Ok(call.next().await) }).await;
        match next {
            Ok(Some(message)) => line.show(&message),
            Ok(None) => break,
            Err(error) => {
                line.clear();
                return Err(error);
            }
        }
    }
    line.clear();
    let result = call.response().await?;
    serde_json::from_str(result.get()).map_err(Error::Result)
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
