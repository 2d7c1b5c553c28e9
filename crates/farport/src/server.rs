//! The server, from its handler to what a host serves.

use std::{fmt, sync::Arc};

use farport_core::{
    Dispatch,
    policy::{self, Kind, Permission},
};
use farport_http::{McpService, Theme};
use farport_rmcp::RmcpDispatch;
use rmcp::ServerHandler;

#[cfg(feature = "sign-in")]
use crate::SignIn;
use crate::{Context, Error, Settings, Storage, auth::Protection, host::Surroundings};

/// An MCP server that can be served.
///
/// What is set here overrides `farport.toml` and the environment.
pub struct Server {
    dispatch: Arc<dyn Dispatch>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) stdio: crate::run::Stdio,
    pub(crate) overrides: Overrides,
    protection: Protection,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    pub(crate) store: Option<Storage>,
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
        #[cfg(not(target_arch = "wasm32"))]
        let stdio = crate::run::stdio(factory.clone());
        let dispatch = RmcpDispatch::new(move |context: &Context| factory(context));
        Self {
            dispatch: Arc::new(dispatch),
            #[cfg(not(target_arch = "wasm32"))]
            stdio,
            overrides: Overrides::default(),
            protection: Protection::default(),
        }
    }

    /// Lets users sign in, and nobody in who has not, but for what is [`Server::public`].
    #[cfg(feature = "sign-in")]
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

    /// What a host serves: the server, with `settings` and what this builder says over them, amid
    /// `surroundings`.
    pub(crate) fn within(
        #[cfg_attr(not(feature = "sign-in"), expect(unused_mut))] mut self,
        settings: &Settings,
        surroundings: Surroundings<'_>,
    ) -> Result<McpService, Error> {
        let Surroundings {
            sessions,
            runtime,
            addresses,
            oauth,
        } = surroundings;
        let config = settings.http();
        #[cfg(feature = "sign-in")]
        if let Some(sign_in) = self.protection.sign_in(settings)? {
            let theme = &mut self.protection.theme;
            theme.name = theme.name.take().or_else(|| name_of(&*self.dispatch));
            let auth = self
                .protection
                .build(sign_in, settings, addresses, oauth()?)?;
            return Ok(McpService::protected(
                self.dispatch,
                sessions,
                runtime,
                config,
                auth,
            ));
        }
        #[cfg(not(feature = "sign-in"))]
        if settings.auth.provider.is_some() || !self.protection.rules.is_empty() {
            let _ = (addresses, oauth);
            return Err(Error::NoSignIn);
        }
        Ok(McpService::new(self.dispatch, sessions, runtime, config))
    }

    /// `settings`, overridden by what this builder says.
    pub(crate) fn over(&self, mut settings: Settings) -> Settings {
        let overrides = self.overrides.clone();
        settings.host = overrides.host.unwrap_or(settings.host);
        settings.port = overrides.port.unwrap_or(settings.port);
        settings.allowed_hosts.extend(overrides.allowed_hosts);
        settings.allowed_origins.extend(overrides.allowed_origins);
        settings.store = overrides.store.or(settings.store);
        settings
    }
}

/// What the server calls itself.
#[cfg(feature = "sign-in")]
fn name_of(dispatch: &dyn Dispatch) -> Option<String> {
    let info: serde_json::Map<_, _> = dispatch.profile().server_info.parse().ok()?;
    let name = info.get("title").or(info.get("name"))?;
    name.as_str().map(str::to_owned)
}
