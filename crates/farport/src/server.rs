//! The server, from its handler to its sockets.

use std::{fmt, future::Future, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use clap::Parser;
use farport_core::{BoxFuture, Dispatch, MemorySessions};
use farport_http::McpService;
use farport_rmcp::RmcpDispatch;
use rmcp::ServerHandler;

use crate::{
    Announcement, Context, Error, Listeners, Settings, TokioRuntime, connections, flags::Flags,
    logging, settings, stdio,
};

type Stdio = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// An MCP server that can be served.
///
/// What is set here overrides `farport.toml` and the environment.
pub struct Server {
    dispatch: Arc<dyn Dispatch>,
    stdio: Stdio,
    overrides: Overrides,
}

#[derive(Clone, Debug, Default)]
struct Overrides {
    host: Option<String>,
    port: Option<u16>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server whose handlers `factory` makes: one for each session, one for each stateless
    /// request, and one at the start to see what the server can do.
    pub fn new<H, F>(factory: F) -> Self
    where
        H: ServerHandler,
        F: Fn(&Context) -> H + Send + Sync + 'static,
    {
        let factory = Arc::new(factory);
        let local = factory.clone();
        let stdio: Stdio = Box::new(move || Box::pin(stdio::serve(local(&Context::default()))));
        let dispatch = RmcpDispatch::new(move |context: &Context| factory(context));
        Self {
            dispatch: Arc::new(dispatch),
            stdio,
            overrides: Overrides::default(),
        }
    }

    /// Listens on this name or address. `localhost`, which is also the default, is both loopback
    /// addresses; `0.0.0.0` and `::` are all addresses of the machine.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.overrides.host = Some(host.into());
        self
    }

    /// Listens on this port; 0 takes a free one. The default is 8787.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.overrides.port = Some(port);
        self
    }

    /// Lets clients call the server by these names, besides loopback's and those in the settings.
    /// A server that is reached as `mcp.example.com` has to list that name.
    #[must_use]
    pub fn allow_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.overrides
            .allowed_hosts
            .extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Lets pages of these origins call the server, besides loopback's and its own.
    #[must_use]
    pub fn allow_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.overrides
            .allowed_origins
            .extend(origins.into_iter().map(Into::into));
        self
    }

    /// Runs the program: reads its flags and settings, starts its log, and serves until it is told
    /// to stop (SIGTERM, SIGINT); over standard input and output when it is started with
    /// `--stdio`, else over HTTP.
    ///
    /// # Errors
    /// When a setting cannot be used, or the port cannot be listened on.
    pub async fn run(mut self) -> Result<(), Error> {
        let flags = Flags::parse();
        let mut settings = self.settings()?;
        settings.log = flags.log.unwrap_or(settings.log);
        settings.log_format = flags.log_format.unwrap_or(settings.log_format);
        settings.host = flags.host.unwrap_or(settings.host);
        settings.port = flags.port.unwrap_or(settings.port);
        logging::start(&settings);
        // Before anybody can know that the server is there, and tell it to stop.
        let told_to_stop = told_to_stop()?;
        if flags.stdio {
            let stdio = std::mem::replace(&mut self.stdio, Box::new(|| Box::pin(async { Ok(()) })));
            return tokio::select! {
                served = stdio() => served,
                () = told_to_stop => Ok(()),
            };
        }
        let bound = self.bind_with(settings).await?;
        eprintln!("{}", bound.announcement());
        bound.serve_until(told_to_stop).await
    }

    /// Takes the sockets, without serving yet: those that the starting process has passed on, or
    /// new ones.
    ///
    /// # Errors
    /// When a setting cannot be used, or the port cannot be listened on.
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
        Ok(Bound {
            service: self.service_with(&settings),
            listeners,
            address,
            settings,
        })
    }

    /// The server as a service from HTTP request to response, for a host of one's own. Sessions
    /// are kept in memory.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn service(self) -> Result<McpService, Error> {
        let settings = self.settings()?;
        Ok(self.service_with(&settings))
    }

    fn service_with(self, settings: &Settings) -> McpService {
        let store = Arc::new(MemorySessions::new(settings.sessions()));
        McpService::new(
            self.dispatch,
            store,
            Arc::new(TokioRuntime),
            settings.http(),
        )
    }

    fn settings(&self) -> Result<Settings, Error> {
        let mut settings = Settings::load(Path::new(settings::FILE))?;
        let overrides = self.overrides.clone();
        settings.host = overrides.host.unwrap_or(settings.host);
        settings.port = overrides.port.unwrap_or(settings.port);
        settings.allowed_hosts.extend(overrides.allowed_hosts);
        settings.allowed_origins.extend(overrides.allowed_origins);
        Ok(settings)
    }
}

/// A server that has its sockets.
#[derive(Debug)]
pub struct Bound {
    service: McpService,
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
        connections::serve(self.service, self.listeners, most, grace, shutdown, left).await;
        Ok(())
    }
}

/// Takes over SIGTERM and SIGINT (ctrl-c); the future is ready once one of them comes.
#[cfg(unix)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
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

/// Takes over ctrl-c; the future is ready once it comes.
#[cfg(windows)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
