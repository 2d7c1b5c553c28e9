//! Messages between the local client and the server.
//!
//! What the client writes is looked at once and taken to the server in the way of its era; what the
//! server sends comes back through `deliver`, which lets nothing but JSON-RPC through.

mod deliver;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::down::Down;
use crate::message::{self, Id, Kind, Peek};
use crate::options::{Options, Protocol};
use crate::person::Person;
use crate::remote::Remote;
use crate::session::Session;
use crate::stdio::{Line, Lines, Output};
use crate::store::Store;
use crate::tools::Tools;
use crate::up::Up;

/// The most messages of the client that wait to be looked at.
const WAITING: usize = 16;
/// The most requests of the client that are being answered.
const MOST_PENDING: usize = 1024;
/// How long calls may take to finish once the client has gone.
const DRAIN: Duration = Duration::from_secs(5);
/// How long saying goodbye to the server may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// JSON-RPC: the request is no request.
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC: the parameters are wrong.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC, reserved for implementations: the server could not be reached, or not be used.
pub(crate) const UNREACHABLE: i64 = -32000;

/// A request of the client that is being answered.
pub(crate) struct Pending {
    method: String,
    modern: bool,
    cancel: CancellationToken,
}

/// Everything that both directions share.
pub(crate) struct Bridge {
    pub(crate) remote: Remote,
    pub(crate) output: Output,
    pub(crate) tools: Tools,
    pub(crate) protocol: Protocol,
    pub(crate) options: Options,
    pub(crate) stop: CancellationToken,
    pub(crate) session: Session,
    pub(crate) up: Up,
    pub(crate) down: Down,
    person: Person,
    pending: Mutex<HashMap<Id, Pending>>,
    /// Requests of our own to the server.
    ours: Mutex<HashMap<Id, oneshot::Sender<String>>>,
    /// Requests of our own to the client.
    asked: Mutex<HashMap<Id, oneshot::Sender<String>>>,
    numbers: AtomicU64,
    /// The last thing the person was told, so as not to tell it over and over.
    told: Mutex<String>,
}

/// Connects a client, which speaks over `input` and `output`, to the server of `options`, until the
/// client closes its end or `stop` says so.
///
/// # Errors
/// When the options contradict each other, or the client cannot be written to. What the server does
/// wrong is told to the client and to the person, and is no error here unless nothing ever worked.
pub async fn connect<R, W>(
    options: Options,
    store: Store,
    person: Person,
    input: R,
    output: W,
    stop: CancellationToken,
) -> Result<(), Error>
where
    R: AsyncBufRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let remote = Remote::new(&options, store, person.clone())?;
    let bridge = Arc::new(Bridge {
        remote,
        output: Output::new(output),
        tools: Tools::new(&options.ignored_tools)?,
        protocol: options.protocol,
        stop: stop.clone(),
        session: Session::default(),
        up: Up::default(),
        down: Down::default(),
        person,
        pending: Mutex::default(),
        ours: Mutex::default(),
        asked: Mutex::default(),
        numbers: AtomicU64::new(1),
        told: Mutex::default(),
        options,
    });
    let result = bridge.run(input).await;
    stop.cancel();
    result
}

impl Bridge {
    async fn run<R>(self: &Arc<Self>, input: R) -> Result<(), Error>
    where
        R: AsyncBufRead + Send + Unpin + 'static,
    {
        let (sender, mut lines) = mpsc::channel(WAITING);
        let gone = CancellationToken::new();
        // Reads on while a message waits for a sign-in, so that the client's end is noticed.
        let reader = tokio::spawn(read(
            Lines::new(input, self.remote.limits().held),
            sender,
            gone.clone(),
        ));
        if let Some(interval) = self.options.ping {
            let bridge = Arc::clone(self);
            tokio::spawn(async move { bridge.keep_alive(interval).await });
        }
        loop {
            let line = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                line = lines.recv() => line,
            };
            match line {
                None => break,
                Some(Line::TooLong) => {
                    let most = self.remote.limits().held / 1_048_576;
                    let said = format!("A message of more than {most} MiB is not passed on");
                    self.write(&message::error(None, INVALID_REQUEST, &said))
                        .await;
                }
                Some(Line::Text(text)) => {
                    tokio::select! {
                        () = self.take(text) => {}
                        // A client that is gone waits for nothing; what it sent before is drained.
                        () = self.stop.cancelled() => break,
                        () = gone_for_good(&gone) => {}
                    }
                }
            }
        }
        reader.abort();
        if !self.stop.is_cancelled() {
            self.drain().await;
        }
        // What has been answered reaches the client whole, if it still reads.
        let written = tokio::time::timeout(DRAIN, self.output.flush());
        if written.await.is_err() {
            tracing::debug!("the client did not read on");
        }
        let goodbye = tokio::time::timeout(GOODBYE, self.end_session());
        if goodbye.await.is_err() {
            tracing::debug!("the server did not take leave in time");
        }
        Ok(())
    }

    /// Takes one line of the client.
    async fn take(self: &Arc<Self>, line: Bytes) {
        let Ok(text) = std::str::from_utf8(&line) else {
            let said = "The message is not UTF-8";
            return self.write(&message::error(None, -32700, said)).await;
        };
        let Some(messages) = message::split(text) else {
            let said = "The message is not JSON";
            return self.write(&message::error(None, -32700, said)).await;
        };
        for message in messages {
            let Some(peek) = Peek::at(message) else {
                let said = "Not a JSON-RPC 2.0 message";
                self.write(&message::error(None, INVALID_REQUEST, said))
                    .await;
                continue;
            };
            self.route(message, peek).await;
        }
    }

    async fn route(self: &Arc<Self>, text: &str, peek: Peek<'_>) {
        match &peek.kind {
            Kind::Response(id) => {
                let asked = id.as_ref().and_then(|id| lock(&self.asked).remove(id));
                if let Some(waiting) = asked {
                    // Whoever asked may have stopped waiting.
                    let _ = waiting.send(text.to_owned());
                } else if !self.up.is_active() {
                    self.spawn_post(text.to_owned());
                }
            }
            Kind::Notification => self.notification(text, &peek).await,
            Kind::Request(id) => self.request(id.clone(), text, &peek).await,
        }
    }

    async fn notification(self: &Arc<Self>, text: &str, peek: &Peek<'_>) {
        if peek.method == "notifications/cancelled" {
            #[derive(Deserialize, Default)]
            #[serde(rename_all = "camelCase")]
            struct Cancelled<'a> {
                #[serde(borrow, default)]
                request_id: Option<&'a RawValue>,
            }
            let told: Cancelled<'_> = peek.params();
            let pending = told
                .request_id
                .and_then(Id::of)
                .and_then(|id| lock(&self.pending).remove(&id));
            if let Some(pending) = &pending {
                pending.cancel.cancel();
            }
            // To disconnect is to cancel, in the newest revision.
            if pending.is_none_or(|pending| pending.modern) {
                return;
            }
        }
        if self.up.is_active() {
            return self.up_notification(&peek.method).await;
        }
        if peek.method == "notifications/initialized" {
            // What comes after it relies on the server having seen it.
            self.initialized(text).await;
        } else if !self.down.is_active() {
            self.spawn_post(text.to_owned());
        }
    }

    async fn request(self: &Arc<Self>, id: Id, text: &str, peek: &Peek<'_>) {
        let modern = crate::modern::version(peek).is_some();
        if peek.method == "tools/call" {
            let name = crate::modern::subject(peek).unwrap_or_default();
            if self.tools.is_ignored(&name) {
                let said = format!("Unknown tool: {name}");
                return self
                    .write(&message::error(Some(&id), INVALID_PARAMS, &said))
                    .await;
            }
        }
        let cancel = CancellationToken::new();
        let pending = Pending {
            method: peek.method.clone().into_owned(),
            modern,
            cancel: cancel.clone(),
        };
        if lock(&self.pending).len() >= MOST_PENDING {
            let said = "Too many requests are being answered already";
            return self
                .write(&message::error(Some(&id), UNREACHABLE, said))
                .await;
        }
        lock(&self.pending).insert(id.clone(), pending);
        if peek.method == "initialize" && !modern {
            let connected = self.open(&id, text, peek).await;
            return self.settle(&id, connected).await;
        }
        let bridge = Arc::clone(self);
        let text = text.to_owned();
        tokio::spawn(async move {
            let work = async {
                // The text was a message a moment ago.
                let Some(peek) = Peek::at(&text) else {
                    return Ok(());
                };
                if modern {
                    bridge.modern_request(&id, &text, &peek).await
                } else if bridge.up.is_active() {
                    bridge.up_request(&id, &peek).await
                } else {
                    bridge.session_request(Some(&id), &text).await
                }
            };
            tokio::select! {
                result = work => bridge.settle(&id, result).await,
                () = cancel.cancelled() => {}
                () = bridge.stop.cancelled() => {}
            }
        });
    }

    /// Sends what is owed no answer.
    fn spawn_post(self: &Arc<Self>, text: String) {
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                result = bridge.session_request(None, &text) => if let Err(error) = result {
                    bridge.report(&error);
                },
                () = bridge.stop.cancelled() => {}
            }
        });
    }

    /// Tells the client of a request that failed.
    pub(crate) async fn settle(&self, id: &Id, result: Result<(), Error>) {
        let Err(error) = result else { return };
        self.report(&error);
        if lock(&self.pending).remove(id).is_some() {
            self.write(&message::error(Some(id), UNREACHABLE, &error.to_string()))
                .await;
        }
    }

    /// Tells the person what went wrong, once.
    pub(crate) fn report(&self, error: &Error) {
        if matches!(error, Error::Stopped) {
            return;
        }
        let text = error.to_string();
        let mut told = lock(&self.told);
        if *told == text {
            tracing::debug!(%text, "again");
            return;
        }
        self.person.tell(&text);
        *told = text;
    }

    /// Takes a request of the client out of those that are answered as soon as there is an answer.
    pub(crate) fn hold(&self, id: &Id) -> Option<Pending> {
        lock(&self.pending).remove(id)
    }

    /// Puts back what was held.
    pub(crate) fn release(&self, id: &Id, held: Option<Pending>) {
        if let Some(held) = held {
            lock(&self.pending).insert(id.clone(), held);
        }
    }

    /// Whether the client still waits for this.
    pub(crate) fn is_pending(&self, id: &Id) -> bool {
        lock(&self.pending).contains_key(id) || lock(&self.ours).contains_key(id)
    }

    /// Whether the client has not heard of its request yet; from now on it has.
    pub(crate) fn answer_is_due(&self, id: &Id) -> bool {
        lock(&self.pending).remove(id).is_some()
    }

    /// An id of our own.
    pub(crate) fn our_id(&self, name: &str) -> Id {
        Id::ours(name, self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// Announces a request of our own to the server; what comes back is its response.
    pub(crate) fn expect(&self, id: &Id) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.ours).insert(id.clone(), sender);
        receiver
    }

    pub(crate) fn no_longer_expect(&self, id: &Id) {
        lock(&self.ours).remove(id);
    }

    /// Asks the client something, and waits for its response.
    pub(crate) async fn ask(&self, method: &str, params: &str) -> Result<String, Error> {
        let id = self.our_id("ask");
        let (sender, receiver) = oneshot::channel();
        lock(&self.asked).insert(id.clone(), sender);
        self.write(&message::request(&id, method, params)).await;
        receiver.await.map_err(|_| Error::Stopped)
    }

    /// Writes a message to the client. One that cannot be written to is gone, which ends it all.
    pub(crate) async fn write(&self, message: &str) {
        if let Err(error) = self.output.write(message).await {
            tracing::debug!(%error, "the client cannot be written to");
            self.stop.cancel();
        }
    }

    /// Every request that the connection of which the answer was to come on.
    pub(crate) async fn fail_pending(&self, error: &Error) {
        let waiting: Vec<Id> = lock(&self.pending).drain().map(|(id, _)| id).collect();
        lock(&self.ours).clear();
        for id in waiting {
            self.write(&message::error(Some(&id), UNREACHABLE, &error.to_string()))
                .await;
        }
    }

    /// Lets calls finish that the client has made before it closed its end.
    async fn drain(&self) {
        let finished = async {
            while !lock(&self.pending).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(DRAIN, finished).await.is_err() {
            tracing::debug!("some calls were not finished when the client had gone");
        }
    }
}

/// Reads lines until the end.
async fn read<R: AsyncBufRead + Unpin>(
    mut lines: Lines<R>,
    sender: mpsc::Sender<Line>,
    gone: CancellationToken,
) {
    loop {
        match lines.next().await {
            Ok(Some(line)) => {
                if sender.send(line).await.is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, "the client cannot be read");
                break;
            }
        }
    }
    gone.cancel();
}

/// Ready once the client has been gone for as long as calls may take to finish.
async fn gone_for_good(gone: &CancellationToken) {
    gone.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

/// Locks a mutex that nobody panics under.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
