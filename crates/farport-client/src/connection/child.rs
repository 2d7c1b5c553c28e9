//! A server that runs as a child process and speaks MCP over its standard input and output.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::link::lock;
use crate::Error;
use crate::lines::{Line, Lines};
use crate::message::Id;
use crate::observe::{Direction, Observer, Watch};
use crate::system;

/// The largest message, in bytes.
pub(crate) const LARGEST: usize = 64 * 1024 * 1024;
/// The longest line of the standard error that is kept, in bytes.
pub(crate) const LONGEST_LINE: usize = 8 * 1024;
/// How many lines of the standard error are kept.
const MOST_LINES: usize = 200;
/// The most messages that wait to be written.
const WAITING: usize = 16;
/// How long the process may take to exit after its input is closed, and again after TERM.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The program of a server, and how to start it.
#[derive(Clone, Debug)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    observer: Option<Arc<dyn Observer>>,
}

impl Command {
    /// Starts `program`, which is looked up in `PATH`. No shell is involved.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            variables: Vec::new(),
            folder: None,
            observer: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.args.extend(args);
        self
    }

    /// Sets an environment variable. The process inherits all others.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the observer, which receives each message and each line of the standard error.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The program, without its arguments.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    pub(crate) fn spawn(&self) -> Result<Spawned, Error> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        system::own_group(&mut command);
        let program = self.program.to_string_lossy().into_owned();
        let mut process = command.spawn().map_err(|error| Error::Process {
            program: program.clone(),
            why: error.to_string(),
        })?;
        match (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        ) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Spawned {
                program,
                watch: self.observer.clone().map(Watch::new),
                group: process.id(),
                process,
                stdin,
                stdout,
                stderr,
            }),
            _ => Err(Error::Stopped),
        }
    }
}

/// A process that has just been started.
pub(crate) struct Spawned {
    pub(crate) program: String,
    pub(crate) watch: Option<Watch>,
    pub(crate) group: Option<u32>,
    pub(crate) process: Process,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

impl Spawned {
    /// The program, for people.
    pub(crate) fn shown(&self) -> &str {
        &self.program
    }

    /// The observer.
    pub(crate) fn watch(&self) -> Option<Watch> {
        self.watch.clone()
    }
}

/// A server that runs as a child process.
pub(crate) struct Child {
    pub(crate) hub: Hub,
    input: Mutex<Option<mpsc::Sender<String>>>,
    /// Why the process has ended.
    ended: watch::Sender<Option<String>>,
    /// The last lines of its standard error.
    lines: Mutex<VecDeque<String>>,
    numbers: AtomicU64,
    stop: CancellationToken,
}

impl Child {
    /// Starts the tasks that write to the process, read from it and wait for its end.
    pub(crate) fn start(spawned: Spawned, hub: Hub, stop: CancellationToken) -> Arc<Self> {
        let Spawned {
            group,
            process,
            stdin,
            stdout,
            stderr,
            ..
        } = spawned;
        let (input, messages) = mpsc::channel(WAITING);
        let child = Arc::new(Self {
            hub,
            input: Mutex::new(Some(input)),
            ended: watch::Sender::new(None),
            lines: Mutex::default(),
            numbers: AtomicU64::new(1),
            stop,
        });
        tokio::spawn(write(stdin, messages));
        let reading = tokio::spawn(Arc::clone(&child).read(stdout));
        let errors = tokio::spawn(Arc::clone(&child).read_errors(stderr));
        let supervised = Arc::clone(&child);
        tokio::spawn(async move {
            let why = supervised.supervise(process, group).await;
            // What the process wrote before its end is still read.
            for reader in [reading, errors] {
                let abort = reader.abort_handle();
                if tokio::time::timeout(PATIENCE, reader).await.is_err() {
                    abort.abort();
                }
            }
            supervised.ended.send_replace(Some(why));
        });
        child
    }

    pub(crate) fn our_id(&self, name: &str) -> Id {
        Id::ours(name, self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a message.
    pub(crate) async fn send(&self, text: String) -> Result<(), Error> {
        self.hub.observe(Direction::Sent, &text);
        let input = lock(&self.input).clone();
        let sent = match input {
            Some(input) => input.send(text).await.is_ok(),
            None => false,
        };
        if sent {
            Ok(())
        } else {
            Err(self.broken().await)
        }
    }

    /// Sends a request, and waits until its response is delivered.
    pub(crate) async fn exchange(&self, id: &Id, text: String) -> Result<(), Error> {
        self.send(text).await?;
        self.answered(id).await
    }

    /// Waits until the response to a request is delivered.
    pub(crate) async fn answered(&self, id: &Id) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.hub.calls.answered(id) => Ok(()),
            error = self.broken() => Err(error),
        }
    }

    /// Waits for the end of the process, and returns the error that follows from it.
    pub(crate) async fn broken(&self) -> Error {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        let why = ended.ok().and_then(|why| why.clone());
        let mut why = why.unwrap_or_else(|| "the process ended".to_owned());
        if let Some(line) = lock(&self.lines).back() {
            why.push_str("; its last message was: ");
            why.push_str(&farport_core::Plain(line).to_string());
        }
        Error::Broken {
            url: self.hub.peer().to_owned(),
            why,
        }
    }

    /// Closes the input of the process, and waits for its end.
    pub(crate) async fn close(&self) {
        drop(lock(&self.input).take());
        self.stop.cancel();
        let mut ended = self.ended.subscribe();
        let patience = PATIENCE * 4;
        let ended = tokio::time::timeout(patience, ended.wait_for(Option::is_some)).await;
        if ended.is_err() {
            tracing::debug!("the server process has not ended yet");
        }
    }

    /// Waits for the end of the process. When the connection ends first: closes its input, then sends
    /// TERM and then KILL to its group.
    async fn supervise(&self, mut process: Process, group: Option<u32>) -> String {
        let mut status = tokio::select! {
            status = process.wait() => Some(status),
            () = self.stop.cancelled() => None,
        };
        drop(lock(&self.input).take());
        if status.is_none() {
            status = tokio::time::timeout(PATIENCE, process.wait()).await.ok();
        }
        // Processes that it started may have outlived it.
        system::terminate(group);
        if status.is_none() {
            status = tokio::time::timeout(PATIENCE, process.wait()).await.ok();
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        system::kill(group);
        let status = match status {
            Some(status) => status,
            None => {
                // Fails when the process has ended already.
                let _ = process.start_kill();
                process.wait().await
            }
        };
        match status {
            Ok(status) => format!("the server process ended with {status}"),
            Err(error) => format!("the server process ended: {error}"),
        }
    }

    async fn read(self: Arc<Self>, stdout: ChildStdout) {
        let mut lines = Lines::new(BufReader::new(stdout), LARGEST);
        loop {
            let line = match lines.next().await {
                Ok(Some(Line::Text(line))) => line,
                Ok(Some(Line::TooLong)) => {
                    self.hub.report(&Error::TooLarge {
                        url: self.hub.peer().to_owned(),
                        limit: LARGEST,
                    });
                    continue;
                }
                Ok(None) | Err(_) => return,
            };
            let delivered = match std::str::from_utf8(&line) {
                Ok(text) => self.hub.deliver(text, None).await,
                Err(_) => Err(Error::NotMcp {
                    url: self.hub.peer().to_owned(),
                    why: "its standard output is not UTF-8".to_owned(),
                }),
            };
            if let Err(error) = delivered {
                // Some programs print a greeting.
                self.hub.report(&error);
            }
        }
    }

    async fn read_errors(self: Arc<Self>, stderr: ChildStderr) {
        let mut lines = Lines::new(BufReader::new(stderr), LONGEST_LINE);
        while let Ok(Some(line)) = lines.next().await {
            let line = match line {
                Line::Text(line) => String::from_utf8_lossy(&line).trim_end().to_owned(),
                Line::TooLong => continue,
            };
            tracing::debug!(line = %farport_core::Plain(&line), "the server's standard error");
            if let Some(watch) = self.hub.watch() {
                watch.stderr(&line);
            }
            let mut lines = lock(&self.lines);
            if lines.len() >= MOST_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }
}

async fn write(mut stdin: ChildStdin, mut messages: mpsc::Receiver<String>) {
    while let Some(mut message) = messages.recv().await {
        // Between its tokens JSON may have line ends; within its strings it has none.
        message = message.replace(['\n', '\r'], " ");
        message.push('\n');
        let written = async {
            stdin.write_all(message.as_bytes()).await?;
            stdin.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "the server process no longer reads");
            return;
        }
    }
}
