//! A running server, from its start to its exit.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use farport::Settings;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::driver::Report;
use super::machine::{Binary, Event, Id};
use super::{Error, env_vars, guard, vars};
use crate::project::Project;

/// The first descriptor of socket activation.
const FIRST_SOCKET: i32 = 3;

/// The interval of checks whether a server is ready.
const READY_INTERVAL: Duration = Duration::from_millis(10);
/// The time after which farport reports that a server is not ready yet.
const SLOW: Duration = Duration::from_secs(10);
/// The time a server has to exit. It is longer than the server's own grace period, which closes streams.
const GRACE: Duration = Duration::from_secs(15);

/// The log filter of a server whose settings do not name another one: `info`, with a line for each request,
/// and without the notice of each stopping server.
const LOG: &str = "info,farport_http::service=debug,farport::connections=warn";

/// Whether `farport dev` is stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopping {
    #[default]
    No,
    /// Child processes may finish.
    Graceful,
    /// Child processes are killed.
    Now,
}

/// Notifies builds and servers that `farport dev` is stopping.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<Stopping>);

impl Stop {
    /// Creates a sender and a receiver.
    pub(super) fn channel() -> (watch::Sender<Stopping>, Self) {
        let (sender, receiver) = watch::channel(Stopping::No);
        (sender, Self(receiver))
    }

    async fn reached(&mut self, stopping: Stopping) {
        // The driver drops the sender when it ends, which means `Now`.
        let _ = self.0.wait_for(|now| *now >= stopping).await;
    }

    /// Waits until `farport dev` is stopping.
    pub(super) async fn requested(&mut self) {
        self.reached(Stopping::Graceful).await;
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    id: Id,
    child: Child,
    /// A file that the server creates when it accepts connections, and removes when it stops accepting.
    ready: PathBuf,
    _scratch: TempDir,
}

impl Server {
    /// Starts a server with copies of the listening sockets. If it is a `reload`, the server does not print
    /// its URLs again.
    pub(super) fn start(
        id: Id,
        binary: &Binary,
        project: &Project,
        sockets: &[TcpListener],
        reload: bool,
    ) -> Result<Self, Error> {
        let variables = vars::read(&project.root)?;
        let passed = (FIRST_SOCKET..)
            .zip(sockets)
            .map(|(child_fd, socket)| {
                Ok(FdMapping {
                    parent_fd: OwnedFd::from(socket.try_clone()?),
                    child_fd,
                })
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::Socket)?;
        let scratch = tempfile::Builder::new()
            .prefix("farport-dev-")
            .tempdir()
            .map_err(Error::Scratch)?;
        let ready = scratch.path().join("ready");
        let mut command = guard::command(binary.path.as_os_str(), true);
        if std::env::var_os(env_vars::FARPORT_STORE).is_none() {
            // Set it before the project's variables, which may override it.
            command.env(env_vars::FARPORT_STORE, store_in(&project.root));
        }
        if logs_at_info(&project.root) {
            command.env(env_vars::FARPORT_LOG, LOG);
        }
        if reload {
            command.env(env_vars::FARPORT_RELOAD, "1");
        }
        command
            .current_dir(&project.root)
            .envs(variables)
            .env(env_vars::LISTEN_FDS, passed.len().to_string())
            .env(env_vars::FARPORT_READY_FILE, &ready)
            .fd_mappings(passed)
            .map_err(|error| Error::Socket(std::io::Error::other(error)))?;
        let child = command.spawn().map_err(|source| Error::Start {
            program: binary.path.clone().into(),
            source,
        })?;
        Ok(Self {
            id,
            child,
            ready,
            _scratch: scratch,
        })
    }

    /// Reports the events of the server until it exits. `retire` stops it.
    pub(super) async fn follow(
        mut self,
        mut retire: oneshot::Receiver<()>,
        mut stop: Stop,
        reports: mpsc::UnboundedSender<Report>,
    ) {
        // This fails if farport is stopping.
        let report = |event| {
            let _ = reports.send(Report::Event(event));
        };
        let (id, ready) = (self.id, self.ready.clone());
        let mut is_ready = std::pin::pin!(report_readiness(id, &ready, report));
        let ended = tokio::select! {
            status = self.child.wait() => Some(status),
            () = &mut is_ready => None,
            _ = &mut retire => None,
            () = stop.requested() => None,
        };
        let status = match ended {
            Some(status) => status,
            None => {
                let mut leaves = std::pin::pin!(report_leaving(id, &ready, report));
                let mut ends = std::pin::pin!(end(&mut self.child, &mut stop));
                tokio::select! {
                    status = &mut ends => status,
                    () = &mut leaves => ends.await,
                }
            }
        };
        report(Event::Ended(id, describe(status)));
    }
}

/// Reports when a server is ready, or not ready after [`SLOW`]. Never returns.
async fn report_readiness(id: Id, ready: &Path, report: impl Fn(Event)) {
    let slow = sleep_until(Instant::now() + SLOW);
    let mut slow = std::pin::pin!(slow);
    let mut reported = false;
    let mut ticks = interval(READY_INTERVAL);
    while !ready.exists() {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut slow, if !reported => {
                reported = true;
                report(Event::Slow(id));
            }
        }
    }
    report(Event::Ready(id));
    std::future::pending().await
}

/// Reports when a stopping server no longer accepts connections.
async fn report_leaving(id: Id, ready: &Path, report: impl Fn(Event)) {
    let mut ticks = interval(READY_INTERVAL);
    while ready.exists() {
        ticks.tick().await;
    }
    report(Event::Left(id));
}

/// Terminates a server, and kills it after [`GRACE`].
async fn end(child: &mut Child, stop: &mut Stop) -> std::io::Result<ExitStatus> {
    guard::terminate(child);
    tokio::select! {
        status = timeout(GRACE, child.wait()) => {
            if let Ok(status) = status {
                return status;
            }
        }
        () = stop.reached(Stopping::Now) => {}
    }
    guard::kill_group(child);
    child.wait().await
}

/// Returns whether a project's server logs at `info`, the default.
fn logs_at_info(root: &Path) -> bool {
    // The server itself reports invalid settings.
    Settings::load(&root.join("farport.toml")).is_ok_and(|settings| settings.log == "info")
}

/// The database for the sessions and sign-ins of a project's servers, which outlives each server.
fn store_in(root: &Path) -> OsString {
    let mut store = OsString::from("sqlite:");
    store.push(root.join(".farport").join("farport.db"));
    store
}

/// Formats the exit status of a server.
fn describe(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}
