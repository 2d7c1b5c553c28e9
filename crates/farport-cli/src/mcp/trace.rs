//! `--trace FILE`: every message and HTTP exchange as a line of JSON, with secrets masked.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use farport_client::{Direction, HttpEvent, Observer, SignInStep};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::file_error::FileError;

/// Writes what a connection does to a file.
pub(crate) struct Trace {
    file: Mutex<File>,
    started: Instant,
}

impl Trace {
    /// Creates the file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn create(path: &Path) -> Result<Arc<dyn Observer>, FileError> {
        let file = File::create(path).map_err(FileError::of("write", path))?;
        Ok(Arc::new(Self {
            file: Mutex::new(file),
            started: Instant::now(),
        }))
    }

    fn write(&self, kind: &str, mut entry: Value) {
        entry["kind"] = kind.into();
        entry["ms"] = (self.started.elapsed().as_micros() as f64 / 1000.0).into();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{entry}") {
            tracing::debug!(%error, "the trace cannot be written");
        }
    }
}

impl Observer for Trace {
    fn http(&self, event: HttpEvent) {
        let entry = match event {
            HttpEvent::Request {
                exchange,
                attempt,
                method,
                url,
                headers,
                body,
                ..
            } => json!({
                "event": "request", "exchange": exchange, "attempt": attempt,
                "method": method.as_str(), "url": url, "headers": shown(&headers), "body": body.text,
            }),
            HttpEvent::Response {
                exchange,
                status,
                headers,
                ..
            } => json!({
                "event": "response", "exchange": exchange, "status": status.as_u16(),
                "headers": shown(&headers),
            }),
            HttpEvent::Event {
                exchange,
                name,
                id,
                data,
                ..
            } => json!({
                "event": "event", "exchange": exchange, "name": name, "id": id, "data": data.text,
            }),
            HttpEvent::Body { exchange, body, .. } => json!({
                "event": "body", "exchange": exchange, "body": body.text, "length": body.length,
            }),
            HttpEvent::Failed {
                exchange, error, ..
            } => json!({
                "event": "failed", "exchange": exchange, "error": error,
            }),
            HttpEvent::Ended {
                exchange, bytes, ..
            } => json!({
                "event": "ended", "exchange": exchange, "bytes": bytes,
            }),
            _ => return,
        };
        self.write("http", entry);
    }

    fn sign_in(&self, step: SignInStep) {
        self.write("sign-in", json!({ "step": format!("{step:?}") }));
    }

    fn message(&self, direction: Direction, text: &str) {
        let direction = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let message = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        self.write(
            "message",
            json!({ "direction": direction, "message": message }),
        );
    }

    fn stderr(&self, line: &str) {
        self.write("stderr", json!({ "line": line }));
    }
}

fn shown(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.insert(name.as_str().to_owned(), value.into());
    }
    Value::Object(all)
}
