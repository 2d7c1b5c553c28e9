//! The native host: from settings to sockets.

use std::{future::Future, io::Write as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use clap::Parser;
use farport_core::{BoxFuture, InstanceContext as Context};
use farport_http::McpService;
use farport_server::{
    Environment, Error, FILE, HostError, LISTING_TIME, READY_FILE, Settings, Storage,
};
use rmcp::ServerHandler;

use super::{
    announce::Announcement,
    connections,
    flags::Flags,
    health,
    listen::Listeners,
    logging::{check_filter, start_log},
    runtime::TokioRuntime,
    state::State,
    stdio,
    system::shutdown_signal,
};
use crate::Server;

/// Serves one client on standard input and output.
type Stdio = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// What this host keeps with a server.
pub(crate) struct Host {
    stdio: Stdio,
    /// The settings to start from, in place of the file and the environment.
    base: Option<Settings>,
}

impl Host {
    pub(crate) fn new<H, F>(factory: &Arc<F>) -> Self
    where
        H: ServerHandler,
        F: Fn(&Context) -> H + Send + Sync + 'static,
    {
        let factory = factory.clone();
        Self {
            stdio: Box::new(move || Box::pin(stdio::serve(factory(&Context::default())))),
            base: None,
        }
    }
}

impl Server {
    /// Starts from `settings` instead of reading `farport.toml` and the settings in the environment.
    /// Other methods of the builder override them, before or after this call. Secrets still come from
    /// the environment.
    ///
    /// ```
    /// # use rmcp::ServerHandler;
    /// # struct Greeter;
    /// # impl ServerHandler for Greeter {}
    /// let mut settings = farport::Settings::default();
    /// settings.max_sessions = 100;
    /// let server = farport::Server::new(|_| Greeter).settings(settings);
    /// # let _ = server;
    /// ```
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.host.base = Some(settings);
        self
    }

    /// Serves over HTTP until SIGTERM or ctrl-c: reads the settings, starts the log, listens, and
    /// prints the server's URLs to standard error. It reads no arguments of the program; see
    /// [`Server::run_from_args`].
    ///
    /// Unless the settings name a store, the server stores sessions and sign-ins in a database in the
    /// platform's folder for the state of programs ([`Storage::of_program`]).
    ///
    /// # Errors
    /// When a setting is invalid, the port is in use, or the database cannot be opened.
    pub async fn run(self) -> Result<(), Error> {
        let settings = self.load()?;
        start_log(&settings)?;
        self.run_with(settings).await
    }

    /// Runs as a program: like [`Server::run`], with the arguments `--port`, `--host`, `--log` and
    /// `--log-format`, which override the settings.
    ///
    /// With `--stdio`, it serves one client on standard input and output. With `--health`, it serves
    /// nothing, but checks the server that runs with the same settings. On an invalid argument,
    /// `--help` and `--version`, it prints the text and exits the process.
    ///
    /// ```no_run
    /// # use rmcp::ServerHandler;
    /// # struct Greeter;
    /// # impl ServerHandler for Greeter {}
    /// #[tokio::main]
    /// async fn main() -> Result<(), farport::Error> {
    ///     farport::Server::new(|_| Greeter).run_from_args().await
    /// }
    /// ```
    ///
    /// # Errors
    /// When a setting is invalid, the port is in use, or the database cannot be opened; with
    /// `--health`, when the server is not up.
    pub async fn run_from_args(self) -> Result<(), Error> {
        let flags = Flags::parse();
        let mut settings = self.load()?;
        settings.log = flags.log.unwrap_or(settings.log);
        settings.log_format = flags.log_format.map_or(settings.log_format, Into::into);
        settings.host = flags.host.unwrap_or(settings.host);
        settings.port = flags.port.unwrap_or(settings.port);
        if flags.health {
            return health::check(&settings).await;
        }
        start_log(&settings)?;
        if flags.stdio {
            return self.run_stdio().await;
        }
        self.run_with(settings).await
    }

    /// Serves the client that started this program, on standard input and output, until it closes
    /// standard input, or until SIGTERM or ctrl-c.
    ///
    /// # Errors
    /// When the client does not open a session.
    pub async fn run_stdio(self) -> Result<(), Error> {
        let shutdown = shutdown_signal()?;
        tokio::select! {
            served = (self.host.stdio)() => served,
            () = shutdown => Ok(()),
        }
    }

    async fn run_with(self, mut settings: Settings) -> Result<(), Error> {
        // First, so that a signal stops the server as soon as its URLs are printed.
        let shutdown = shutdown_signal()?;
        if settings.store.is_none() {
            settings.store = Some(Storage::of_program()?);
        }
        let bound = self.bind_with(settings).await?;
        // `farport dev` replaces a server that has already printed the URLs.
        if std::env::var_os("FARPORT_RELOAD").is_none() {
            // One write, because other processes may print on the same terminal.
            let announcement = format!("{}\n", bound.announcement());
            // Standard error may be closed.
            let _ = std::io::stderr().write_all(announcement.as_bytes());
        }
        bound.serve_until(shutdown).await
    }

    /// Listens on the address in the settings, or takes the sockets that the starting process passed
    /// on. Connections wait until [`Bound::serve_until`]. Unless the settings name a store, the server
    /// keeps sessions and sign-ins in memory.
    ///
    /// [`Bound::serve_until`]: crate::host::Bound::serve_until
    ///
    /// # Errors
    /// When a setting is invalid, the port is in use, or the database cannot be opened.
    pub async fn bind(self) -> Result<Bound, Error> {
        let settings = self.load()?;
        self.bind_with(settings).await
    }

    async fn bind_with(self, settings: Settings) -> Result<Bound, Error> {
        self.check_rules().await?;
        check_filter(&settings.log)?;
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

    /// Creates a service from HTTP request to response, to mount in another HTTP server such as axum.
    /// It implements `tower_service::Service`, and is cheap to clone.
    ///
    /// The service handles `/mcp`, `/sse`, `/sse/message`, `/health` and `/`, and with sign-in the
    /// paths of OAuth. A router must pass those paths on unchanged, or set
    /// [`public_url`](Server::public_url) with the path that it mounts the service at. Requests should
    /// carry a [`ClientAddress`](crate::ClientAddress). Before the other server stops, call
    /// [`McpService::stop`], which ends open streams.
    ///
    /// Call this within a tokio runtime: it starts a task that closes idle sessions and removes expired
    /// sign-ins, until the last clone of the service is dropped. Unless the settings name a store, the
    /// server keeps sessions and sign-ins in memory.
    ///
    /// With [`DevLogin`](crate::DevLogin), let the other server listen on loopback only: the service
    /// cannot see where it listens.
    ///
    /// ```
    /// # use rmcp::ServerHandler;
    /// # struct Greeter;
    /// # impl ServerHandler for Greeter {}
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), farport::Error> {
    /// let service = farport::Server::new(|_| Greeter)
    ///     .public_url("http://localhost:3000")
    ///     .service()?;
    /// let request = http::Request::get("/health").header("host", "localhost");
    /// let response = service.handle(request.body(String::new()).unwrap()).await;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When a setting is invalid, or the database cannot be opened.
    pub fn service(self) -> Result<McpService, Error> {
        let settings = self.load()?;
        check_filter(&settings.log)?;
        let state = State::open(&settings.storage(), settings.sessions())?;
        let service = self.service_with(&settings, &[], &state)?;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let tidying = service.keep_tidy();
            runtime.spawn(async move {
                tokio::select! {
                    () = tidying => state.flush().await,
                    () = state.clone().purge() => {}
                }
            });
        }
        Ok(service)
    }

    fn service_with(
        self,
        settings: &Settings,
        addresses: &[SocketAddr],
        state: &State,
    ) -> Result<McpService, Error> {
        let environment = Environment {
            sessions: state.sessions.clone(),
            runtime: Arc::new(TokioRuntime),
            parks_calls: true,
            addresses,
            oauth: &|| state.oauth_state(settings.outgoing_proxy.as_deref()),
        };
        self.server.service(settings, environment)
    }

    /// Reads the settings, and applies the builder's.
    fn load(&self) -> Result<Settings, Error> {
        let settings = match &self.host.base {
            Some(settings) => settings.clone(),
            None => Settings::load(Path::new(FILE))?,
        };
        Ok(self.server.apply(settings))
    }

    /// Checks that each rule matches something, and waits for a handler that lists slowly.
    async fn check_rules(&self) -> Result<(), Error> {
        match tokio::time::timeout(LISTING_TIME, self.server.check_rules()).await {
            Ok(checked) => checked,
            Err(_) => {
                tracing::warn!(
                    "cannot check the rules: the server took too long to list its entries"
                );
                Ok(())
            }
        }
    }
}

/// A server that listens, and does not accept connections yet.
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), farport::Error> {
/// let bound = farport::Server::new(|_| Greeter).port(0).bind().await?;
/// println!("{}", bound.announcement());
/// bound.serve_until(async { /* a signal */ }).await
/// # }
/// ```
#[derive(Debug)]
pub struct Bound {
    service: McpService,
    state: State,
    listeners: Listeners,
    address: SocketAddr,
    settings: Settings,
}

impl Bound {
    /// Returns the address of the first socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the server's URLs, for people.
    pub fn announcement(&self) -> Announcement {
        Announcement::new(self.address).public_url(self.settings.public_url.as_deref())
    }

    /// Serves until `shutdown`. Then it stops accepting connections, ends streams, and lets running
    /// calls finish within the grace period.
    ///
    /// # Errors
    /// When it cannot write the file that reports that it is ready, if the environment names one.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let ready = std::env::var_os(READY_FILE).map(std::path::PathBuf::from);
        if let Some(path) = &ready {
            std::fs::write(path, "").map_err(|source| HostError::ReadyFile {
                path: path.clone(),
                source,
            })?;
        }
        let closed = || {
            if let Some(path) = &ready
                && let Err(error) = std::fs::remove_file(path)
            {
                tracing::warn!(%error, path = %path.display(), "cannot remove the ready file");
            }
        };
        let grace = Duration::from_secs(self.settings.shutdown_grace_secs);
        let bounds = connections::Bounds {
            most: self.settings.max_connections,
            most_of_address: self.settings.max_connections_per_address,
            behind_proxy: self.settings.behind_proxy,
        };
        let purging = tokio::spawn(self.state.clone().purge());
        connections::serve(
            self.service,
            self.listeners,
            bounds,
            grace,
            shutdown,
            closed,
        )
        .await;
        purging.abort();
        self.state.flush().await;
        Ok(())
    }
}
