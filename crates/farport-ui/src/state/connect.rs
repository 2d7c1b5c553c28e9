//! Opening, watching and closing the connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use farport_client::{Connection, ConnectionOptions, Era, Error};
use serde_json::json;
use tokio::time::timeout;

use super::{BESIDE, Phase, State, lock};
use crate::exchange::milliseconds;
use crate::hold::HoldGate;
use crate::live::Live;
use crate::mask::Mask;
use crate::person::person;
use crate::recorder::{FailedStep, Recorder};
use crate::target::Target;
use crate::timeline::{Note, Topic};

/// The first and the longest wait before the inspector asks whether the server answers again.
const PROBE_AFTER: Duration = Duration::from_millis(700);
const PROBE_AT_MOST: Duration = Duration::from_secs(10);

/// How long the calls of a process that ended may take to fail.
const AFTER_CALLS: Duration = Duration::from_millis(100);
/// How long the requests that run may take to finish at a server that was replaced.
const FINISH: Duration = Duration::from_secs(10);

/// A connection that is being opened.
struct Opening {
    /// The number of the connection before.
    before: u64,
    /// The number of the new connection.
    generation: u64,
    since: Instant,
}

impl State {
    /// Connects to `target`, after closing the current connection.
    pub(crate) fn connect(self: &Arc<Self>, target: Target) {
        let generation = self.leave(Phase::Connecting { sign_in: None }, Some(&target));
        let state = Arc::clone(self);
        let opening = tokio::spawn(async move { state.open(target, generation).await });
        let mut inner = lock(&self.inner);
        if inner.generation == generation {
            inner.opening = Some(opening.abort_handle());
        } else {
            opening.abort();
        }
    }

    /// Connects again, because the server was replaced. The current connection stays until the new one
    /// is open.
    pub(crate) fn reload(self: &Arc<Self>) {
        let (target, before) = {
            let inner = lock(&self.inner);
            let connected = matches!(inner.phase, Phase::Connected { .. });
            let Some(target) = inner.target.clone() else {
                return;
            };
            (target, connected.then_some(inner.generation))
        };
        let Some(before) = before else {
            self.connect(target);
            return;
        };
        let state = Arc::clone(self);
        let opening = tokio::spawn(async move { state.replace(target, before).await });
        let earlier = lock(&self.inner).opening.replace(opening.abort_handle());
        if let Some(earlier) = earlier {
            earlier.abort();
        }
    }

    async fn replace(self: Arc<Self>, target: Target, before: u64) {
        let opening = Opening {
            before,
            generation: before + 1,
            since: Instant::now(),
        };
        let recorder = self.recorder_of(opening.generation);
        match self.connection(&target, &recorder).await {
            Ok(connection) => {
                if let Ok((live, _)) = self.live() {
                    let _ = timeout(FINISH, live.idle()).await;
                }
                self.opened(connection, &opening);
            }
            Err(error) => self.failed(before, &error, recorder.failed_step()),
        }
    }

    /// Shows a message on the page and in the timeline.
    pub(crate) fn report(&self, text: &str) {
        let generation = lock(&self.inner).generation;
        self.notice(text);
        let text = text.to_owned();
        let topic = Topic::Reload;
        self.note(generation, Note { topic, text });
    }

    /// Ends the connection.
    pub(crate) fn disconnect(&self) {
        self.leave(Phase::Idle, None);
    }

    /// Closes the current connection, and returns the number of the next one.
    fn leave(&self, phase: Phase, target: Option<&Target>) -> u64 {
        let mut inner = lock(&self.inner);
        let live = inner.live.take();
        let opening = inner.opening.take();
        let questions = inner.questions.take_all();
        inner.generation += 1;
        inner.probing = false;
        inner.phase = phase;
        if let Some(target) = target {
            inner.mask = Arc::new(Mask::of(target));
            inner.target = Some(target.clone());
            inner.sign_in.clear();
        }
        self.publish(&inner);
        let generation = inner.generation;
        // What follows reports to this state.
        drop(inner);
        self.chat().tools_changed();
        drop(questions);
        if let Some(opening) = opening {
            opening.abort();
        }
        if let Some(live) = live {
            live.close();
        }
        generation
    }

    async fn open(self: Arc<Self>, target: Target, generation: u64) {
        let opening = Opening {
            before: generation,
            generation,
            since: Instant::now(),
        };
        let recorder = self.recorder_of(generation);
        match self.connection(&target, &recorder).await {
            Ok(connection) => self.opened(connection, &opening),
            Err(error) => self.failed(generation, &error, recorder.failed_step()),
        }
    }

    /// Opens a connection.
    async fn connection(
        self: &Arc<Self>,
        target: &Target,
        recorder: &Arc<Recorder>,
    ) -> Result<Connection, Error> {
        let gate = Arc::new(HoldGate(Arc::downgrade(self)));
        let client = target.to_client(Some((Arc::clone(recorder) as _, gate as _)))?;
        let mut options = self.options(target);
        // Only the page follows tasks and shows views.
        options.capabilities = capabilities();
        // Boxed: the future of a sign-in is large.
        Box::pin(Connection::open(client, options)).await
    }

    /// How a connection presents itself to a server.
    pub(crate) fn options(self: &Arc<Self>, target: &Target) -> ConnectionOptions {
        let user = person(self, Arc::clone(&self.opener));
        let mut options = ConnectionOptions::new(self.store.clone(), user);
        let revision = target.settings().revision;
        options.era = revision.era();
        options.session_revision = revision.of_session();
        options.client_info = client_info();
        options.capabilities = json!({
            "roots": { "listChanged": true },
            "sampling": {},
            "elicitation": { "form": {}, "url": {} },
        });
        options
    }

    fn opened(self: &Arc<Self>, connection: Connection, opening: &Opening) {
        let generation = opening.generation;
        let modern = connection.era() == Era::Modern;
        let revision = connection.protocol_version().to_owned();
        let live = Arc::new(Live::new(connection));
        let (before, questions) = {
            let mut inner = lock(&self.inner);
            if inner.generation != opening.before {
                drop(inner);
                live.close();
                return;
            }
            let reloads = match inner.phase {
                Phase::Connected { reloads, .. } => reloads + 1,
                _ => 0,
            };
            inner.opening = None;
            inner.generation = generation;
            inner.probing = false;
            inner.phase = Phase::Connected {
                server: live.connection.server().to_owned(),
                revision: revision.clone(),
                modern,
                reachable: true,
                recoveries: 0,
                reloads,
                ms: milliseconds(opening.since.elapsed()),
            };
            let before = inner.live.replace(Arc::clone(&live));
            let questions = inner.questions.take_all();
            self.publish(&inner);
            (before, questions)
        };
        drop(questions);
        let (topic, text) = match &before {
            None => (Topic::Connected, "Connected"),
            Some(_) => (Topic::Reload, "The server was reloaded. Connected again"),
        };
        let text = format!("{text} with revision {revision}");
        self.note(generation, Note { topic, text });
        self.chat().tools_changed();
        self.watch(&live, generation, modern);
        let Some(before) = before else { return };
        let followed = before.subscriptions.all();
        before.close();
        let (state, adopting) = (Arc::clone(self), Arc::clone(&live));
        live.own(&tokio::spawn(async move {
            let connection = &adopting.connection;
            adopting.subscriptions.adopt(connection, followed).await;
            state.changed();
        }));
    }

    /// Handles what a connection receives outside of calls.
    fn watch(self: &Arc<Self>, live: &Arc<Live>, generation: u64, modern: bool) {
        let state = Arc::clone(self);
        let watched = Arc::clone(live);
        live.own(&tokio::spawn(async move {
            state.follow(&watched, generation).await;
        }));
        if modern {
            let state = Arc::clone(self);
            let listening = Arc::clone(live);
            live.own(&tokio::spawn(async move {
                let subscriptions = &listening.subscriptions;
                subscriptions.listen(&state, &listening, generation).await;
            }));
        }
    }

    /// Handles what a connection that is not the inspector's own receives outside of calls.
    pub(crate) fn watch_beside(self: &Arc<Self>, live: &Arc<Live>, modern: bool) {
        self.watch(live, BESIDE, modern);
    }

    /// Handles what the server sends on its own, until the connection ends.
    async fn follow(self: &Arc<Self>, live: &Arc<Live>, generation: u64) {
        let incoming = async {
            let Some(mut messages) = live.connection.messages() else {
                return std::future::pending().await;
            };
            while let Some(message) = messages.recv().await {
                self.incoming(live, generation, message).await;
            }
        };
        tokio::select! {
            () = incoming => {}
            error = live.connection.ended() => {
                if let Some(error) = error {
                    // Its calls fail first, each with this reason.
                    tokio::time::sleep(AFTER_CALLS).await;
                    let step = FailedStep { name: "Running the server".to_owned(), exchange: None };
                    self.failed(generation, &error, step);
                }
            }
        }
    }

    fn failed(&self, generation: u64, error: &Error, step: FailedStep) {
        let why = self.masked(&error.to_string());
        self.note(
            generation,
            Note {
                topic: Topic::Lost,
                text: format!("{} failed: {why}", step.name),
            },
        );
        let mut live = None;
        self.change(generation, |inner| {
            live = inner.live.take();
            inner.opening = None;
            inner.phase = Phase::Failed {
                why,
                hint: error.hint(),
                step: step.name,
                exchange: step.exchange,
            };
        });
        if let Some(live) = live {
            live.close();
        }
    }

    /// Notes whether the server answers.
    pub(crate) fn reachable(self: &Arc<Self>, generation: u64, now: bool) {
        let mut probe = false;
        let changed = {
            let mut inner = lock(&self.inner);
            if inner.generation != generation {
                return;
            }
            let probing = inner.probing;
            let Phase::Connected {
                reachable,
                recoveries,
                ..
            } = &mut inner.phase
            else {
                return;
            };
            let changed = *reachable != now;
            *reachable = now;
            if changed && now {
                *recoveries += 1;
            }
            if !now && !probing {
                inner.probing = true;
                probe = true;
            }
            if changed {
                self.publish(&inner);
            }
            if changed
                && now
                && let Some(live) = &inner.live
            {
                live.subscriptions.reopen();
            }
            changed
        };
        if changed {
            let (topic, text) = if now {
                (Topic::Back, "The server answers again")
            } else {
                (Topic::Lost, "The server does not answer")
            };
            let text = text.to_owned();
            self.note(generation, Note { topic, text });
        }
        if probe {
            let state = Arc::clone(self);
            tokio::spawn(async move { state.probe(generation).await });
        }
    }

    /// Asks until the server answers again. The observer sees each answer.
    async fn probe(self: Arc<Self>, generation: u64) {
        let mut wait = PROBE_AFTER;
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(PROBE_AT_MOST);
            let live = {
                let mut inner = lock(&self.inner);
                let lost = matches!(
                    inner.phase,
                    Phase::Connected {
                        reachable: false,
                        ..
                    }
                );
                if inner.generation != generation {
                    return;
                }
                if !lost {
                    inner.probing = false;
                    return;
                }
                inner.live.clone()
            };
            let Some(live) = live else { return };
            if !self.events.has_readers() {
                continue;
            }
            if let Err(error) = ping(&live.connection).await {
                tracing::debug!(%error, "the server does not answer yet");
            }
        }
    }

    /// Notes that the server no longer knew the session, and the client opened another one.
    pub(crate) fn session_reopened(&self, generation: u64) {
        let mut noted = false;
        self.change(generation, |inner| {
            if let Phase::Connected { recoveries, .. } = &mut inner.phase {
                *recoveries += 1;
                noted = true;
            }
        });
        if noted {
            let text = "The server no longer knew the session; farport opens another one";
            self.note(
                generation,
                Note {
                    topic: Topic::Session,
                    text: text.to_owned(),
                },
            );
        }
    }
}

/// How the inspector presents itself to servers.
pub(crate) fn client_info() -> serde_json::Value {
    json!({
        "name": "farport-inspect",
        "title": "farport inspect",
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// What the inspector can do for servers.
pub(crate) fn capabilities() -> serde_json::Value {
    json!({
        "roots": { "listChanged": true },
        "sampling": {},
        "elicitation": { "form": {}, "url": {} },
        "extensions": {
            "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] },
            "io.modelcontextprotocol/tasks": {},
        },
    })
}

/// Requests the cheapest answer that the era has.
async fn ping(connection: &Connection) -> Result<(), Error> {
    let method = match connection.era() {
        Era::Modern => "server/discover",
        _ => "ping",
    };
    connection
        .request(method, &json!({}))?
        .response()
        .await
        .map(drop)
}
