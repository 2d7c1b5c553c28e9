//! The native host: from flags and settings to sockets.

use std::{future::Future, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use clap::Parser;
use farport_core::BoxFuture;
use farport_http::McpService;
use rmcp::ServerHandler;

use crate::{
    Announcement, Context, Error, Listeners, Server, Settings, Storage, TokioRuntime, connections,
    flags::Flags, health, host::Surroundings, logging::start_log, settings, state::State, stdio,
};

/// Serves a client on standard input and output.
pub(crate) type Stdio = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// Serves a handler of `factory`'s over standard input and output.
pub(crate) fn stdio<H, F>(factory: Arc<F>) -> Stdio
where
    H: ServerHandler,
    F: Fn(&Context) -> H + Send + Sync + 'static,
{
    Box::new(move || Box::pin(stdio::serve(factory(&Context::default()))))
}

impl Server {
    /// Runs the program: reads its flags and settings, starts its log, and serves until it is told
    /// to stop (SIGTERM, SIGINT); over standard input and output when it is started with
    /// `--stdio`, else over HTTP.
    ///
    /// Unless it is told otherwise, it keeps sessions and sign-ins in a database where the platform
    /// keeps the state of programs ([`Storage::of_program`]).
    ///
    /// Started with `--health` it serves nothing, but asks the server that is running with the same
    /// settings whether it is well.
    ///
    /// # Errors
    /// When a setting cannot be used, the port cannot be listened on, or the database not be
    /// opened.
    pub async fn run(mut self) -> Result<(), Error> {
        let flags = Flags::parse();
        let mut settings = self.settings()?;
        settings.log = flags.log.unwrap_or(settings.log);
        settings.log_format = flags.log_format.unwrap_or(settings.log_format);
        settings.host = flags.host.unwrap_or(settings.host);
        settings.port = flags.port.unwrap_or(settings.port);
        if flags.health {
            return health::ask(&settings).await;
        }
        start_log(&settings);
        // Before anybody can know that the server is there, and tell it to stop.
        let told_to_stop = told_to_stop()?;
        if flags.stdio {
            let stdio = std::mem::replace(&mut self.stdio, Box::new(|| Box::pin(async { Ok(()) })));
            return tokio::select! {
                served = stdio() => served,
                () = told_to_stop => Ok(()),
            };
        }
        if settings.store.is_none() {
            settings.store = Some(Storage::of_program()?);
        }
        let bound = self.bind_with(settings).await?;
        eprintln!("{}", bound.announcement());
        bound.serve_until(told_to_stop).await
    }

    /// Takes the sockets, without serving yet: those that the starting process has passed on, or
    /// new ones. Unless it is told otherwise, the server keeps sessions and sign-ins in memory.
    ///
    /// # Errors
    /// When a setting cannot be used, the port cannot be listened on, or the database not be
    /// opened.
    pub async fn bind(self) -> Result<Bound, Error> {
        let settings = self.settings()?;
        self.bind_with(settings).await
    }

    async fn bind_with(self, settings: Settings) -> Result<Bound, Error> {
        let listeners = match Listeners::inherited()? {
            Some(inherited) => inherited,
            None => Listeners::bind(&settings.host, settings.port).await?,
        };
        let address = listeners.local_addr()?;
        let state = State::open(&settings.storage(), settings.sessions())?;
        let service = self.service_with(&settings, &listeners.addresses()?, &state)?;
        Ok(Bound {
            service,
            state,
            listeners,
            address,
            settings,
        })
    }

    /// The server as a service from HTTP request to response, for a host of one's own. Unless it
    /// is told otherwise, it keeps sessions in memory.
    ///
    /// # Errors
    /// When a setting cannot be used, or the database not be opened.
    pub fn service(self) -> Result<McpService, Error> {
        let settings = self.settings()?;
        let state = State::open(&settings.storage(), settings.sessions())?;
        self.service_with(&settings, &[], &state)
    }

    fn service_with(
        self,
        settings: &Settings,
        addresses: &[SocketAddr],
        state: &State,
    ) -> Result<McpService, Error> {
        let surroundings = Surroundings {
            sessions: state.sessions.clone(),
            runtime: Arc::new(TokioRuntime),
            addresses,
            oauth: &|| state.oauth_state(),
        };
        self.within(settings, surroundings)
    }

    fn settings(&self) -> Result<Settings, Error> {
        Ok(self.over(Settings::load(Path::new(settings::FILE))?))
    }
}

/// A server that has its sockets.
#[derive(Debug)]
pub struct Bound {
    service: McpService,
    state: State,
    listeners: Listeners,
    address: SocketAddr,
    settings: Settings,
}

impl Bound {
    /// The address of the first socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the server can be reached.
    pub fn announcement(&self) -> Announcement {
        Announcement::new(self.address)
    }

    /// Serves until `shutdown`; then stops accepting, ends streams, and lets calls that are going
    /// on finish within their grace time.
    ///
    /// # Errors
    /// When it cannot say that it is ready to whoever asked for that.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let ready = std::env::var_os(settings::READY_FILE).map(std::path::PathBuf::from);
        if let Some(path) = &ready {
            std::fs::write(path, "").map_err(|source| Error::ReadyFile {
                path: path.clone(),
                source,
            })?;
        }
        let left = || {
            if let Some(path) = &ready
                && let Err(error) = std::fs::remove_file(path)
            {
                tracing::warn!(%error, "cannot say that no connections are accepted any more");
            }
        };
        let grace = Duration::from_secs(self.settings.shutdown_grace_secs);
        let most = self.settings.max_connections;
        let behind_proxy = self.settings.behind_proxy;
        let purging = tokio::spawn(self.state.clone().purge());
        connections::serve(
            self.service,
            self.listeners,
            most,
            behind_proxy,
            grace,
            shutdown,
            left,
        )
        .await;
        purging.abort();
        self.state.flush().await;
        Ok(())
    }
}

/// Takes over SIGTERM and SIGINT (ctrl-c), at once; the future is ready once one of them comes.
///
/// What [`Bound::serve_until`] is given by a program that reads its flags itself. To be called within
/// a tokio runtime.
///
/// # Errors
/// When the system does not let go of a signal.
#[cfg(unix)]
pub fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Takes over ctrl-c, at once; the future is ready once it comes.
///
/// What [`Bound::serve_until`] is given by a program that reads its flags itself. To be called within
/// a tokio runtime.
///
/// # Errors
/// When the system does not let go of it.
#[cfg(windows)]
pub fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
