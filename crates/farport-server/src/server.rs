//! The server, from its handler to the service that a host runs.

use std::{fmt, sync::Arc, time::Duration};

use farport_core::{
    Dispatch, InstanceContext,
    policy::{Kind, Permission},
};
use farport_http::{McpService, Theme};
use farport_rmcp::RmcpDispatch;
use futures_util::FutureExt;
use rmcp::ServerHandler;

use crate::{
    error::{Error, Problem},
    host::Environment,
    protection::Protection,
    rules,
    settings::Settings,
    sign_in::{self, SignIn},
};

/// An MCP server: a handler, its sign-in and permissions, and its settings. The crate `farport` has a
/// method for each setting.
pub struct Server {
    dispatch: Arc<dyn Dispatch>,
    overrides: Vec<Override>,
    quiet_after: Option<Duration>,
    protection: Protection,
}

/// Sets a setting to the value that the builder was given.
type Override = Box<dyn Fn(&mut Settings) + Send + Sync>;

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Creates a server whose handlers `factory` creates: one for each session, one for each stateless
    /// request, and one at the start to read the server's capabilities.
    pub fn new<H, F>(factory: F) -> Self
    where
        H: ServerHandler,
        F: Fn(&InstanceContext) -> H + Send + Sync + 'static,
    {
        let dispatch = RmcpDispatch::new(factory);
        Self {
            dispatch: Arc::new(dispatch),
            overrides: Vec::new(),
            quiet_after: None,
            protection: Protection::default(),
        }
    }

    /// Overrides settings, when [`Server::apply`] is called.
    pub fn set(&mut self, set: impl Fn(&mut Settings) + Send + Sync + 'static) {
        self.overrides.push(Box::new(set));
    }

    /// Sets the time after which the response to a call becomes an event stream. Settings count it in
    /// seconds.
    pub fn set_quiet_after(&mut self, quiet: Duration) {
        self.quiet_after = Some(quiet);
    }

    /// Requires users to sign in.
    pub fn set_sign_in(&mut self, sign_in: SignIn) {
        self.protection.sign_in = Some(sign_in);
    }

    /// Permits what `pattern` matches to some callers only.
    pub fn permit(&mut self, kind: Kind, pattern: &str, permission: Permission) {
        let rule = (kind, pattern.to_owned(), permission);
        self.protection.rules.push(rule);
    }

    /// Accepts that the rules for `pattern` match nothing when the server starts.
    pub fn allow_unmatched(&mut self, pattern: &str) {
        self.protection.unmatched.insert(pattern.to_owned());
    }

    /// Describes a scope on the consent page.
    pub fn describe_scope(&mut self, scope: &str, words: &str) {
        let scopes = &mut self.protection.scopes;
        scopes.insert(scope.to_owned(), words.to_owned());
    }

    /// Adds scopes that a client should request at first.
    pub fn add_default_scopes(&mut self, scopes: impl IntoIterator<Item = String>) {
        self.protection.default_scopes.extend(scopes);
    }

    /// Sets the appearance of the pages.
    pub fn set_theme(&mut self, theme: Theme) {
        self.protection.theme = theme;
    }

    /// Overrides `settings` with those of [`Server::set`].
    #[must_use]
    pub fn apply(&self, mut settings: Settings) -> Settings {
        for set in &self.overrides {
            set(&mut settings);
        }
        settings
    }

    /// Checks that each rule matches something, and waits for a handler that lists slowly.
    ///
    /// # Errors
    /// When a rule matches nothing.
    pub async fn check_rules(&self) -> Result<(), Error> {
        rules::check(self.dispatch.clone(), self.protection.checked_rules()).await
    }

    /// Creates the service that a host runs, with settings from [`Server::apply`] and what the host
    /// supplies.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn service(
        mut self,
        settings: &Settings,
        environment: Environment<'_>,
    ) -> Result<McpService, Error> {
        let Environment {
            sessions,
            runtime,
            parks_calls,
            addresses,
            oauth,
        } = environment;
        settings.check()?;
        let mut config = settings.http();
        if !parks_calls {
            config.limits.parking.most = 0;
        }
        if let Some(quiet) = self.quiet_after {
            config.limits.quiet_after = quiet;
        }
        // Most handlers list their entries without waiting, so every host checks the rules here.
        if let Some(checked) = self.check_rules().now_or_never() {
            checked?;
        }
        let dispatch = self.dispatch;
        let auth = sign_in::auth(&mut self.protection, &*dispatch, settings, addresses, oauth)?;
        match auth {
            Some(auth) => Ok(McpService::protected(
                dispatch, sessions, runtime, config, auth,
            )),
            None if settings.deny_by_default => Err(Problem::DenyWithoutAuth.into()),
            None => Ok(McpService::new(dispatch, sessions, runtime, config)),
        }
    }
}

/// What creates a server: itself, or a `Result` with one.
pub trait IntoServer {
    /// Returns the server.
    ///
    /// # Errors
    /// The error of the `Result`.
    fn into_server(self) -> Result<Server, Error>;
}

impl IntoServer for Server {
    fn into_server(self) -> Result<Server, Error> {
        Ok(self)
    }
}

impl<S: IntoServer, E: Into<Error>> IntoServer for Result<S, E> {
    fn into_server(self) -> Result<Server, Error> {
        self.map_err(Into::into)?.into_server()
    }
}
