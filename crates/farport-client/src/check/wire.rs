//! The standard input and output of a local server, line by line.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::probe::{Ask, Reply, Way};
use crate::Error;
use crate::connection::child::{LARGEST, LONGEST_LINE, PATIENCE, Spawned};
use crate::lines::{Line, Lines};
use crate::observe::{Direction, Watch};
use crate::system;

/// The most lines that wait to be read.
const WAITING: usize = 16;
/// The most messages before a response.
const MOST_MESSAGES: usize = 1000;
/// The most lines that are no messages, of those that are reported.
const MOST_STRAYS: usize = 20;
/// The most characters of a line that is no message.
const MOST_OF_STRAY: usize = 200;
/// How long a process that need not answer may take to do so.
const SILENCE: Duration = Duration::from_secs(2);

/// A process that speaks MCP.
pub(super) struct Wire {
    program: String,
    timeout: Duration,
    numbers: AtomicU64,
    watch: Option<Watch>,
    group: Option<u32>,
    pipes: tokio::sync::Mutex<Pipes>,
    seen: Mutex<Seen>,
    last_error: Arc<Mutex<String>>,
}

struct Pipes {
    process: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<Line>,
    /// Reads the standard error.
    errors: Option<JoinHandle<()>>,
    /// The ids of requests that got no response in time.
    late: BTreeSet<String>,
}

#[derive(Default)]
struct Seen {
    strays: Vec<String>,
    /// Why the process ended.
    ended: Option<String>,
}

/// What a message waits for.
enum Wanted {
    /// The response to each of these ids.
    Responses(BTreeSet<String>),
    /// Any response, if there is one.
    Any,
    Nothing,
}

impl Wanted {
    fn of(body: &[u8]) -> Self {
        let id = |message: &Value| match message.get("method") {
            Some(_) => message.get("id").map(Value::to_string),
            None => None,
        };
        match serde_json::from_slice(body) {
            Ok(Value::Array(messages)) => Self::Responses(messages.iter().filter_map(id).collect()),
            Ok(message) => match id(&message) {
                Some(id) => Self::Responses([id].into()),
                None => Self::Nothing,
            },
            Err(_) => Self::Any,
        }
    }
}

impl Wire {
    pub(super) fn start(spawned: Spawned, timeout: Duration) -> Self {
        let Spawned {
            program,
            watch,
            group,
            process,
            stdin,
            stdout,
            stderr,
        } = spawned;
        let (sender, lines) = mpsc::channel(WAITING);
        let last_error = Arc::default();
        tokio::spawn(async move {
            let mut lines = Lines::new(BufReader::new(stdout), LARGEST);
            while let Ok(Some(line)) = lines.next().await {
                if sender.send(line).await.is_err() {
                    return;
                }
            }
        });
        let errors = tokio::spawn(read_errors(stderr, watch.clone(), Arc::clone(&last_error)));
        Self {
            program,
            timeout,
            numbers: AtomicU64::new(1),
            watch,
            group,
            pipes: tokio::sync::Mutex::new(Pipes {
                process,
                input: Some(stdin),
                lines,
                errors: Some(errors),
                late: BTreeSet::new(),
            }),
            seen: Mutex::default(),
            last_error,
        }
    }

    /// The lines that are no messages.
    pub(super) fn strays(&self) -> Vec<String> {
        self.seen().strays.clone()
    }

    /// Why the process ended before its input did.
    pub(super) fn ended_by_itself(&self) -> Option<String> {
        self.seen().ended.clone()
    }

    /// Closes the input, and ends the process. Whether it exited by itself.
    pub(super) async fn close(&self) -> bool {
        let mut pipes = self.pipes.lock().await;
        drop(pipes.input.take());
        let exited = async {
            // The process may wait for a reader of its output.
            while let Some(line) = pipes.lines.recv().await {
                self.note(line, &mut Vec::new());
            }
            pipes.process.wait().await
        };
        let exited = tokio::time::timeout(PATIENCE, exited).await.is_ok();
        // Processes that it started may have outlived it.
        system::terminate(self.group);
        if !exited {
            // Whether it ends or not, the next signal ends it.
            let _ = tokio::time::timeout(PATIENCE, pipes.process.wait()).await;
        }
        system::kill(self.group);
        let _ = pipes.process.start_kill();
        exited
    }

    async fn write(&self, pipes: &mut Pipes, message: &[u8]) -> Result<(), Error> {
        if let (Some(watch), Ok(text)) = (&self.watch, std::str::from_utf8(message)) {
            watch.message(Direction::Sent, text);
        }
        let Some(input) = &mut pipes.input else {
            return Err(Error::Stopped);
        };
        let written = async {
            input.write_all(message).await?;
            input.write_all(b"\n").await?;
            input.flush().await
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.broken(pipes).await),
        }
    }

    /// Sends a message, and reads up to its response.
    async fn exchange(&self, pipes: &mut Pipes, body: &Bytes) -> Result<Reply, Error> {
        let mut messages = Vec::new();
        let mut wanted = match Wanted::of(body) {
            Wanted::Responses(ids) => ids,
            Wanted::Nothing => {
                self.write(pipes, body).await?;
                return Ok(Reply::of_messages(messages));
            }
            Wanted::Any => {
                self.write(pipes, body).await?;
                let read = self.read(pipes, &mut messages, None);
                if let Ok(read) = tokio::time::timeout(SILENCE, read).await {
                    read?;
                }
                return Ok(Reply::of_messages(messages));
            }
        };
        let is_batch = body.starts_with(b"[");
        pipes.late.extend(wanted.iter().cloned());
        self.write(pipes, body).await?;
        let read = self.read(pipes, &mut messages, Some(&mut wanted));
        if !is_batch {
            read.await?;
        } else if let Ok(read) = tokio::time::timeout(SILENCE, read).await {
            // Most revisions have no batches, and a process may ignore one.
            read?;
        }
        Ok(Reply::of_messages(messages))
    }

    /// Reads messages up to the responses to `wanted`, or up to any response.
    async fn read(
        &self,
        pipes: &mut Pipes,
        messages: &mut Vec<Value>,
        mut wanted: Option<&mut BTreeSet<String>>,
    ) -> Result<(), Error> {
        loop {
            let Some(line) = pipes.lines.recv().await else {
                return Err(self.broken(pipes).await);
            };
            let mut received = Vec::new();
            self.note(line, &mut received);
            for message in received {
                let id = message.get("id").map(Value::to_string);
                if let Some(method) = message["method"].as_str() {
                    if id.is_some() {
                        let answer = answer(method, &message["id"]);
                        self.write(pipes, answer.as_bytes()).await?;
                    }
                    messages.push(message);
                    continue;
                }
                let id = id.unwrap_or_default();
                let expected = pipes.late.remove(&id);
                let Some(wanted) = wanted.as_deref_mut() else {
                    messages.push(message);
                    return Ok(());
                };
                if wanted.remove(&id) {
                    messages.push(message);
                } else if !expected {
                    // Its id is wrong, and nothing else may come.
                    messages.push(message);
                    return Ok(());
                }
            }
            if wanted.as_deref().is_some_and(BTreeSet::is_empty) {
                return Ok(());
            }
            if messages.len() > MOST_MESSAGES {
                return Err(Error::NotMcp {
                    url: self.program.clone(),
                    why: format!("it sent more than {MOST_MESSAGES} messages before its response"),
                });
            }
        }
    }

    /// Takes the messages of a line, or notes that there are none.
    fn note(&self, line: Line, messages: &mut Vec<Value>) {
        let text = match line {
            Line::TooLong => return self.stray(format!("a line of more than {LARGEST} bytes")),
            Line::Text(text) => text,
        };
        let shown = String::from_utf8_lossy(&text).trim().to_owned();
        if let Some(watch) = &self.watch {
            watch.message(Direction::Received, &shown);
        }
        let is_message = |message: &Value| message["jsonrpc"] == "2.0";
        match serde_json::from_slice(&text) {
            Ok(Value::Array(all)) if !all.is_empty() && all.iter().all(is_message) => {
                messages.extend(all);
            }
            Ok(message) if is_message(&message) => messages.push(message),
            _ => self.stray(format!("{:?}", cut(&shown))),
        }
    }

    fn stray(&self, text: String) {
        let strays = &mut self.seen().strays;
        if strays.len() < MOST_STRAYS {
            strays.push(text);
        }
    }

    /// The error after the end of the process.
    async fn broken(&self, pipes: &mut Pipes) -> Error {
        let status = tokio::time::timeout(PATIENCE, pipes.process.wait()).await;
        let mut why = match status {
            Ok(Ok(status)) => format!("the server process ended with {status}"),
            Ok(Err(error)) => format!("the server process ended: {error}"),
            Err(_) => "the server process closed its output".to_owned(),
        };
        // Another process may hold the pipe.
        if let Some(errors) = pipes.errors.take() {
            let _ = tokio::time::timeout(PATIENCE, errors).await;
        }
        let last = lock(&self.last_error).clone();
        if !last.is_empty() {
            why.push_str("; its last message was: ");
            why.push_str(&farport_core::Plain(&last).to_string());
        }
        self.seen().ended = Some(why.clone());
        Error::Broken {
            url: self.program.clone(),
            why,
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

impl Way for Wire {
    const HTTP: bool = false;

    fn id(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn send(&self, ask: Ask) -> Result<Reply, Error> {
        let work = async {
            let mut pipes = self.pipes.lock().await;
            self.exchange(&mut pipes, &ask.body).await
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(Error::TimedOut {
                url: self.program.clone(),
                after: self.timeout,
                flag: "--timeout",
            }),
        }
    }

    fn has_ended(&self) -> bool {
        self.seen().ended.is_some()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        system::kill(self.group);
    }
}

/// The response to a request of the server. The client declares no capability, so only `ping` has a result.
fn answer(method: &str, id: &Value) -> String {
    let answer = match method {
        "ping" => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    };
    answer.to_string()
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_OF_STRAY).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the standard error: a process whose pipe is full would wait.
async fn read_errors(stderr: ChildStderr, watch: Option<Watch>, last: Arc<Mutex<String>>) {
    let mut lines = Lines::new(BufReader::new(stderr), LONGEST_LINE);
    while let Ok(Some(line)) = lines.next().await {
        let Line::Text(line) = line else { continue };
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::debug!(line = %farport_core::Plain(&line), "the server's standard error");
        if let Some(watch) = &watch {
            watch.stderr(&line);
        }
        *lock(&last) = line;
    }
}
