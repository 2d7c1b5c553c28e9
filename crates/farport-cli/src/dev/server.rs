//! A server from its start to its end.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::driver::Report;
use super::machine::{Binary, Event, Id};
use super::{Error, guard, vars};
use crate::env_vars;
use crate::project::Project;

/// The first descriptor of socket activation.
const FIRST_SOCKET: i32 = 3;

/// How often to look whether a server is ready.
const READY_INTERVAL: Duration = Duration::from_millis(10);
/// When to say that a server is not ready yet.
const SLOW: Duration = Duration::from_secs(10);
/// How long a server has for its end. Longer than farport's own grace time, which closes streams.
const GRACE: Duration = Duration::from_secs(15);

/// How far `farport dev` is with stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopping {
    #[default]
    No,
    /// Everything is asked to end.
    Asked,
    /// Everything is ended now.
    Now,
}

/// Tells everything that runs to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<Stopping>);

impl Stop {
    /// Somebody to tell, and how to hear it.
    pub(super) fn channel() -> (watch::Sender<Stopping>, Self) {
        let (sender, receiver) = watch::channel(Stopping::No);
        (sender, Self(receiver))
    }

    async fn reached(&mut self, stopping: Stopping) {
        // A sender that is gone means that the driver is: the same as `Now`.
        let _ = self.0.wait_for(|now| *now >= stopping).await;
    }

    /// Waits until everything is to end.
    pub(super) async fn wanted(&mut self) {
        self.reached(Stopping::Asked).await;
    }
}

/// A server that was started.
#[derive(Debug)]
pub(super) struct Server {
    id: Id,
    child: Child,
    /// A file that the server makes when it accepts connections, and removes when it no longer
    /// does.
    ready: PathBuf,
    _scratch: TempDir,
}

impl Server {
    /// Starts a server with copies of the listening sockets.
    pub(super) fn start(
        id: Id,
        binary: &Binary,
        project: &Project,
        sockets: &[TcpListener],
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
            // Before the project's own variables, which may say otherwise.
            command.env(env_vars::FARPORT_STORE, store_in(&project.root));
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

    /// Follows the server to its end, reporting what happens to it. `retire` asks it to end.
    pub(super) async fn follow(
        mut self,
        mut retire: oneshot::Receiver<()>,
        mut stop: Stop,
        reports: mpsc::UnboundedSender<Report>,
    ) {
        // Nobody listens any more when everything is being stopped.
        let tell = |event| {
            let _ = reports.send(Report::Event(event));
        };
        let (id, ready) = (self.id, self.ready.clone());
        let mut is_ready = std::pin::pin!(report_readiness(id, &ready, tell));
        let ended = tokio::select! {
            status = self.child.wait() => Some(status),
            () = &mut is_ready => None,
            _ = &mut retire => None,
            () = stop.wanted() => None,
        };
        let status = match ended {
            Some(status) => status,
            None => {
                let mut leaves = std::pin::pin!(report_leaving(id, &ready, tell));
                let mut ends = std::pin::pin!(end(&mut self.child, &mut stop));
                tokio::select! {
                    status = &mut ends => status,
                    () = &mut leaves => ends.await,
                }
            }
        };
        tell(Event::Ended(id, how(status)));
    }
}

/// Reports when a server is ready, or slow to be. Goes on forever.
async fn report_readiness(id: Id, ready: &Path, tell: impl Fn(Event)) {
    let slow = sleep_until(Instant::now() + SLOW);
    let mut slow = std::pin::pin!(slow);
    let mut told = false;
    let mut ticks = interval(READY_INTERVAL);
    while !ready.exists() {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut slow, if !told => {
                told = true;
                tell(Event::Slow(id));
            }
        }
    }
    tell(Event::Ready(id));
    std::future::pending().await
}

/// Reports when a server that was asked to end accepts no more connections.
async fn report_leaving(id: Id, ready: &Path, tell: impl Fn(Event)) {
    let mut ticks = interval(READY_INTERVAL);
    while ready.exists() {
        ticks.tick().await;
    }
    tell(Event::Left(id));
}

/// Ends a server: by asking, then, when it takes too long, without.
async fn end(child: &mut Child, stop: &mut Stop) -> std::io::Result<ExitStatus> {
    guard::ask_to_end(child);
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

/// Where a project's servers keep sessions and sign-ins, so that the next one goes on with them.
fn store_in(root: &Path) -> OsString {
    let mut store = OsString::from("sqlite:");
    store.push(root.join(".farport").join("farport.db"));
    store
}

/// How a server ended, in words.
fn how(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}
