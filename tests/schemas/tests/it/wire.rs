//! Plain HTTP: messages out, messages in.
//!
//! Each request has its own thread, which forwards every message of the response, from
//! a JSON body or an event stream. So a peer receives all messages through one channel,
//! however the server sends them.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

/// What the server sent.
pub(super) enum Incoming {
    /// A message of the server.
    Message(Value),
    /// The id of the new session.
    Session(String),
    /// The endpoint for messages of a 2024-11-05 server.
    Endpoint(String),
    /// A request failed.
    Failed(anyhow::Error),
}

/// The time limit for a request, with the stream of its response.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends requests; clones share their connections.
#[derive(Clone)]
pub(super) struct Wire {
    agent: Agent,
    sink: Sender<Incoming>,
}

impl Wire {
    pub(super) fn new(sink: Sender<Incoming>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT));
        Self {
            agent: config.build().into(),
            sink,
        }
    }

    /// Posts `body` with `headers`, and forwards the response.
    pub(super) fn post(&self, url: &str, headers: &[(String, String)], body: &Value) {
        self.send(Method::POST, url, headers, Some(body.to_string()));
    }

    /// Opens a stream, and forwards its messages.
    pub(super) fn listen(&self, url: &str, headers: &[(String, String)]) {
        self.send(Method::GET, url, headers, None);
    }

    fn send(&self, method: Method, url: &str, headers: &[(String, String)], body: Option<String>) {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let wire = self.clone();
        thread::spawn(move || {
            let exchanged = wire.exchange(request, body);
            if let Err(error) = exchanged {
                wire.forward(Incoming::Failed(error));
            }
        });
    }

    fn exchange(&self, request: ureq::http::request::Builder, body: Option<String>) -> Result<()> {
        let response = match body {
            Some(body) => {
                let json = request.header("content-type", "application/json");
                self.agent.run(
                    json.header("accept", "application/json, text/event-stream")
                        .body(body)?,
                )?
            }
            None => self
                .agent
                .run(request.header("accept", "text/event-stream").body(())?)?,
        };
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.forward(Incoming::Session(session.to_str()?.to_owned()));
        }
        self.read(response)
    }

    fn read(&self, mut response: Response<Body>) -> Result<()> {
        let status = response.status();
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return self.events(BufReader::new(response.into_body().into_reader()));
        }
        let is_json = kind.starts_with("application/json");
        let text = response.body_mut().read_to_string()?;
        if is_json {
            let message =
                serde_json::from_str(&text).with_context(|| format!("{status}: {text}"))?;
            self.forward(Incoming::Message(message));
            return Ok(());
        }
        // Notifications and responses are accepted without a message.
        if status == 202 {
            Ok(())
        } else {
            Err(anyhow!("the server answered {status}: {text}"))
        }
    }

    /// Parses events as in the HTML standard. This server only uses the fields
    /// `event` and `data`.
    fn events(&self, stream: impl BufRead) -> Result<()> {
        let (mut name, mut data) = (String::new(), String::new());
        for line in stream.lines() {
            let line = line?;
            match line.split_once(':').unwrap_or((&line, "")) {
                ("event", value) => name = value.trim_start().to_owned(),
                ("data", value) => data.push_str(value.strip_prefix(' ').unwrap_or(value)),
                ("", "") if !data.is_empty() => {
                    self.forward(if name == "endpoint" {
                        Incoming::Endpoint(std::mem::take(&mut data))
                    } else {
                        Incoming::Message(serde_json::from_str(&std::mem::take(&mut data))?)
                    });
                    name.clear();
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn forward(&self, incoming: Incoming) {
        // This fails when the conversation has ended.
        let _ = self.sink.send(incoming);
    }
}
