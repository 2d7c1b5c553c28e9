//! The server, from its handler to its sockets.

use std::{fmt, future::Future, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use clap::Parser;
use farport_core::{
    BoxFuture, Dispatch,
    policy::{self, Kind, Permission},
};
use farport_http::{McpService, Theme};
use farport_rmcp::RmcpDispatch;
use rmcp::ServerHandler;

use crate::{
    Announcement, Context, Error, Listeners, Settings, SignIn, Storage, TokioRuntime,
    auth::Protection, connections, flags::Flags, logging, settings, stdio, storage::State,
};

type Stdio = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// An MCP server that can be served.
///
/// What is set here overrides `farport.toml` and the environment.
pub struct Server {
    dispatch: Arc<dyn Dispatch>,
    stdio: Stdio,
    overrides: Overrides,
    protection: Protection,
}

#[derive(Clone, Debug, Default)]
struct Overrides {
    host: Option<String>,
    port: Option<u16>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    store: Option<Storage>,
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
            protection: Protection::default(),
        }
    }

    /// Lets users sign in, and nobody in who has not, but for what is [`Server::public`].
    #[must_use]
    pub fn auth(mut self, sign_in: impl Into<SignIn>) -> Self {
        self.protection.sign_in = Some(sign_in.into());
        self
    }

    /// Says who may use a tool; `tool` may end in `*`. Whoever may not is not told that it is
    /// there, and is refused when they call it anyway: with the scopes that it takes, where a scope
    /// would help.
    #[must_use]
    pub fn permit(self, tool: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Tool, tool, permission)
    }

    /// Says who may use a prompt, see [`Server::permit`].
    #[must_use]
    pub fn permit_prompt(self, prompt: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Prompt, prompt, permission)
    }

    /// Says who may read and subscribe to a resource, see [`Server::permit`]. Templates go by
    /// their own text, what is made of them by its URI: `todo://private/*` is for both.
    #[must_use]
    pub fn permit_resource(self, uri: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Resource, uri, permission)
    }

    /// Lets everybody use a tool, signed in or not; `tool` may end in `*`.
    #[must_use]
    pub fn public(self, tool: &str) -> Self {
        self.permit(tool, policy::anyone())
    }

    fn permit_kind(mut self, kind: Kind, pattern: &str, permission: Permission) -> Self {
        let rule = (kind, pattern.to_owned(), permission);
        self.protection.rules.push(rule);
        self
    }

    /// Says in words what a scope allows, for the consent page.
    #[must_use]
    pub fn describe_scope(mut self, scope: &str, words: &str) -> Self {
        let scopes = &mut self.protection.scopes;
        scopes.insert(scope.to_owned(), words.to_owned());
        self
    }

    /// The scopes that a client is told to ask for at first. It can ask for more when a tool takes
    /// more.
    #[must_use]
    pub fn default_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into);
        self.protection.default_scopes.extend(scopes);
        self
    }

    /// How the sign-in pages look.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.protection.theme = theme;
        self
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

    /// Keeps sessions and sign-ins there.
    #[must_use]
    pub fn store(mut self, store: Storage) -> Self {
        self.overrides.store = Some(store);
        self
    }

    /// Runs the program: reads its flags and settings, starts its log, and serves until it is told
    /// to stop (SIGTERM, SIGINT); over standard input and output when it is started with
    /// `--stdio`, else over HTTP.
    ///
    /// Unless it is told otherwise, it keeps sessions and sign-ins in a database where the platform
    /// keeps the state of programs ([`Storage::of_program`]).
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
        mut self,
        settings: &Settings,
        addresses: &[SocketAddr],
        state: &State,
    ) -> Result<McpService, Error> {
        let store = state.sessions.clone();
        let runtime = Arc::new(TokioRuntime);
        let config = settings.http();
        let Some(sign_in) = self.protection.sign_in(settings)? else {
            return Ok(McpService::new(self.dispatch, store, runtime, config));
        };
        let theme = &mut self.protection.theme;
        theme.name = theme.name.take().or_else(|| name_of(&*self.dispatch));
        let state = crate::state::oauth(state)?;
        let auth = self.protection.build(sign_in, settings, addresses, state)?;
        Ok(McpService::protected(
            self.dispatch,
            store,
            runtime,
            config,
            auth,
        ))
    }

    fn settings(&self) -> Result<Settings, Error> {
        let mut settings = Settings::load(Path::new(settings::FILE))?;
        let overrides = self.overrides.clone();
        settings.host = overrides.host.unwrap_or(settings.host);
        settings.port = overrides.port.unwrap_or(settings.port);
        settings.allowed_hosts.extend(overrides.allowed_hosts);
        settings.allowed_origins.extend(overrides.allowed_origins);
        settings.store = overrides.store.or(settings.store);
        Ok(settings)
    }
}

/// What the server calls itself.
fn name_of(dispatch: &dyn Dispatch) -> Option<String> {
    let info: serde_json::Map<_, _> = dispatch.profile().server_info.parse().ok()?;
    let name = info.get("title").or(info.get("name"))?;
    name.as_str().map(str::to_owned)
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
