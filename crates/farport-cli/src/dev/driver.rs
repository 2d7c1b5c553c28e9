//! Executes the actions of the state machine.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ColorChoice;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::build::{self, Profile};
use super::inspect::{InspectOptions, Inspection};
use super::machine::{Action, Binary, Change, Event, Id, Machine, Message};
use super::server::{Server, Stop, Stopping};
use super::watch::Watcher;
use super::{Error, messages};
use crate::project::{Platform, Project};

/// The build options.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The binary in `--bin`.
    pub(crate) binary: Option<String>,
    /// Whether to optimize.
    pub(crate) release: bool,
    /// When cargo uses color.
    pub(crate) color: ColorChoice,
    /// Whether and how to inspect the server.
    pub(crate) inspect: Option<InspectOptions>,
}

/// A report of a task.
#[derive(Debug)]
pub(super) enum Report {
    Event(Event),
    Built(Result<Built, Error>),
}

/// The result of a build.
#[derive(Debug)]
pub(super) struct Built {
    /// The project, if its manifests have changed.
    project: Option<Project>,
    /// The binary. `None` if the build failed.
    binary: Option<Binary>,
}

/// Serves a project until a signal arrives, and ends all child processes before it returns.
///
/// Call this on a thread that lives as long as the process: child processes end with their thread.
pub(crate) async fn run(
    project: Project,
    sockets: Vec<TcpListener>,
    options: Options,
) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let (stopping, stop) = Stop::channel();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let inspection = match options.inspect.clone() {
        Some(options) => Some(Inspection::start(options, &project.root).await?),
        None => None,
    };
    let mut driver = Driver {
        watcher: Watcher::new(&project)?,
        project: Arc::new(project),
        sockets,
        options,
        tasks: JoinSet::new(),
        serving: HashMap::new(),
        reports,
        stop,
        since: Instant::now(),
        changed: Vec::new(),
        announced: false,
        inspection,
    };
    let (mut machine, first) = Machine::new();
    driver.act(&mut machine, vec![first]);
    let result = driver
        .drive(&mut machine, &mut reported, &mut signals)
        .await;

    if let Some(inspection) = driver.inspection.take() {
        inspection.end().await;
    }
    // This fails if all tasks have ended.
    let _ = stopping.send(Stopping::Graceful);
    loop {
        tokio::select! {
            ended = driver.tasks.join_next() => if ended.is_none() { return result },
            // A second signal ends everything immediately.
            () = signals.next() => drop(stopping.send(Stopping::Now)),
        }
    }
}

#[derive(Debug)]
struct Driver {
    project: Arc<Project>,
    watcher: Watcher,
    sockets: Vec<TcpListener>,
    options: Options,
    /// The running builds and servers.
    tasks: JoinSet<()>,
    /// Stops each server.
    serving: HashMap<Id, oneshot::Sender<()>>,
    reports: mpsc::UnboundedSender<Report>,
    stop: Stop,
    /// The time of the last change.
    since: Instant,
    /// The files of the last change.
    changed: Vec<PathBuf>,
    /// Whether a server has printed its URLs.
    announced: bool,
    inspection: Option<Inspection>,
}

impl Driver {
    /// Runs until a signal arrives.
    async fn drive(
        &mut self,
        machine: &mut Machine,
        reported: &mut mpsc::UnboundedReceiver<Report>,
        signals: &mut Signals,
    ) -> Result<(), Error> {
        loop {
            let event = tokio::select! {
                () = signals.next() => return Ok(()),
                change = self.watcher.changed(&self.project) => Event::Changed(change?),
                Some(report) = reported.recv() => match report {
                    Report::Event(event) => event,
                    Report::Built(built) => Event::Built(self.built(built?)?),
                },
                Some(_) = self.tasks.join_next() => continue,
            };
            let actions = machine.advance(event);
            self.act(machine, actions);
        }
    }

    fn built(&mut self, built: Built) -> Result<Option<Binary>, Error> {
        if let Some(project) = built.project {
            self.watcher.follow(&project)?;
            self.project = Arc::new(project);
        }
        Ok(built.binary)
    }

    fn act(&mut self, machine: &mut Machine, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Print(message) => {
                    self.announced |= matches!(message, Message::Serving { .. });
                    let changed = messages::list(&self.changed, &self.project.root);
                    let took = self.since.elapsed();
                    messages::print(&message, &changed, took);
                    if let Some(inspection) = &mut self.inspection {
                        let text = messages::text(&message, &changed, took);
                        inspection.follow(&message, &text);
                    }
                }
                Action::Build(change) => self.build(change),
                Action::Start(id, binary) => {
                    if let Err(error) = self.start(id, &binary) {
                        let actions = machine.advance(Event::Ended(id, explain(&error)));
                        self.act(machine, actions);
                    }
                }
                Action::Stop(id) => {
                    if let Some(retire) = self.serving.remove(&id) {
                        // This fails if the server has just ended.
                        let _ = retire.send(());
                    }
                }
            }
        }
    }

    fn build(&mut self, change: Change) {
        self.since = Instant::now();
        self.changed = change.paths;
        let (project, options) = (Arc::clone(&self.project), self.options.clone());
        let (reports, stop) = (self.reports.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let built = rebuild(project, options, change.manifests, stop).await;
            // This fails if farport is stopping.
            let _ = reports.send(Report::Built(built));
        });
    }

    fn start(&mut self, id: Id, binary: &Binary) -> Result<(), Error> {
        let server = Server::start(id, binary, &self.project, &self.sockets, self.announced)?;
        let (retire, retired) = oneshot::channel();
        self.serving.insert(id, retire);
        let (reports, stop) = (self.reports.clone(), self.stop.clone());
        self.tasks.spawn(server.follow(retired, stop, reports));
        Ok(())
    }
}

/// Builds a project. Loads cargo's metadata again first if manifests have changed.
async fn rebuild(
    mut project: Arc<Project>,
    options: Options,
    manifests: bool,
    mut stop: Stop,
) -> Result<Built, Error> {
    let mut changed = None;
    if manifests {
        let (root, binary) = (project.root.clone(), options.binary.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            Project::load(&root, binary.as_deref(), Platform::Host)
        });
        match loaded.await {
            Ok(Ok(loaded)) => {
                changed = Some(loaded.clone());
                project = Arc::new(loaded);
            }
            Ok(Err(error)) => {
                crate::error::Error::from(error).report();
                return Ok(Built {
                    project: None,
                    binary: None,
                });
            }
            // The runtime is shutting down.
            Err(_) => {
                return Ok(Built {
                    project: None,
                    binary: None,
                });
            }
        }
    }
    let profile = Profile {
        release: options.release,
        color: options.color,
    };
    let binary = build::build(&project, profile, &mut stop).await?;
    Ok(Built {
        project: changed,
        binary,
    })
}

/// Formats an error and its causes on one line.
fn explain(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// The signals that stop `farport dev`.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Error> {
        let of = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
