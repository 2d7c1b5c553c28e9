//! The server, from its handler to the service that a host runs.

mod settings;

use std::{fmt, sync::Arc, time::Duration};

use farport_core::{
    Dispatch,
    policy::{self, Kind, Permission},
};
use farport_http::{McpService, Theme};
use farport_rmcp::RmcpDispatch;
use futures_util::FutureExt;
use rmcp::ServerHandler;

#[cfg(feature = "sign-in")]
use crate::SignIn;
use crate::{Context, Error, Settings, auth::Protection, host::Environment, rules};

/// An MCP server: a handler, its sign-in and permissions, and its settings.
///
/// The builder's methods override `farport.toml` and the environment.
///
/// ```no_run
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// #[tokio::main]
/// async fn main() -> Result<(), farport::Error> {
///     farport::Server::new(|_| Greeter)
///         .port(9000)
///         .run()
///         .await
/// }
/// ```
pub struct Server {
    dispatch: Arc<dyn Dispatch>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) stdio: crate::run::Stdio,
    /// The settings to start from, in place of the file and the environment.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) base: Option<Settings>,
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
            #[cfg(not(target_arch = "wasm32"))]
            base: None,
            overrides: Vec::new(),
            quiet_after: None,
            protection: Protection::default(),
        }
    }

    /// Requires users to sign in, except for what is [`Server::public`].
    #[cfg(feature = "sign-in")]
    #[must_use]
    pub fn auth(mut self, sign_in: impl Into<SignIn>) -> Self {
        self.protection.sign_in = Some(sign_in.into());
        self
    }

    /// Permits a tool to some callers only; `tool` may end in `*`. Other callers do not see it in
    /// lists, and the server refuses their calls. If a scope would help, the refusal names it.
    ///
    /// A rule that matches nothing keeps the server from starting, because it is most likely a
    /// misspelled name; see [`Server::allow_unmatched`].
    #[must_use]
    pub fn permit(self, tool: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Tool, tool, permission)
    }

    /// Permits a prompt to some callers only, like [`Server::permit`].
    #[must_use]
    pub fn permit_prompt(self, prompt: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Prompt, prompt, permission)
    }

    /// Permits some callers only to read a resource and subscribe to it, like [`Server::permit`]. The
    /// rule is compared with a template's text and with the URIs of its resources:
    /// `todo://private/*` covers both.
    #[must_use]
    pub fn permit_resource(self, uri: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Resource, uri, permission)
    }

    /// Permits a method that no revision of MCP defines; `method` may end in `*`. A server with
    /// sign-in and rules refuses such a method unless a rule names it, because the handler may do
    /// anything in it.
    #[must_use]
    pub fn permit_method(self, method: &str, permission: Permission) -> Self {
        self.permit_kind(Kind::Method, method, permission)
    }

    /// Accepts that the rules for `pattern` match no tool, prompt or resource when the server starts.
    /// Use it for one that the handler adds later or does not list.
    #[must_use]
    pub fn allow_unmatched(mut self, pattern: &str) -> Self {
        self.protection.unmatched.insert(pattern.to_owned());
        self
    }

    /// Permits a tool to every caller, signed in or not; `tool` may end in `*`.
    #[must_use]
    pub fn public(self, tool: &str) -> Self {
        self.permit(tool, policy::anyone())
    }

    fn permit_kind(mut self, kind: Kind, pattern: &str, permission: Permission) -> Self {
        let rule = (kind, pattern.to_owned(), permission);
        self.protection.rules.push(rule);
        self
    }

    /// Describes a scope for the user on the consent page.
    #[must_use]
    pub fn describe_scope(mut self, scope: &str, words: &str) -> Self {
        let scopes = &mut self.protection.scopes;
        scopes.insert(scope.to_owned(), words.to_owned());
        self
    }

    /// Sets the scopes that a client should request at first. It can request more when a tool requires
    /// more.
    #[must_use]
    pub fn default_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into);
        self.protection.default_scopes.extend(scopes);
        self
    }

    /// Sets the name, logo and color of the sign-in pages.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.protection.theme = theme;
        self
    }

    /// Creates the service that a host runs, with `settings` and what the host supplies.
    pub(crate) fn within(
        #[cfg_attr(not(feature = "sign-in"), expect(unused_mut))] mut self,
        settings: &Settings,
        environment: Environment<'_>,
    ) -> Result<McpService, Error> {
        let Environment {
            sessions,
            runtime,
            addresses,
            oauth,
        } = environment;
        settings.check()?;
        let mut config = settings.http();
        if let Some(quiet) = self.quiet_after {
            config.limits.quiet_after = quiet;
        }
        // Most handlers list their entries without waiting, so every host checks the rules here.
        let rules = rules::check(self.dispatch.clone(), self.checked_rules());
        if let Some(checked) = rules.now_or_never() {
            checked?;
        }
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
        if settings.deny_by_default {
            return Err(Error::DenyWithoutAuth);
        }
        #[cfg(not(feature = "sign-in"))]
        if settings.auth.provider.is_some() || !self.protection.rules.is_empty() {
            let _ = (addresses, oauth);
            return Err(Error::NoSignIn);
        }
        Ok(McpService::new(self.dispatch, sessions, runtime, config))
    }

    /// Returns the rules that must match something.
    fn checked_rules(&self) -> Vec<rules::Named> {
        let Protection {
            rules, unmatched, ..
        } = &self.protection;
        let checked = rules
            .iter()
            .filter(|(_, pattern, _)| !unmatched.contains(pattern));
        checked
            .map(|(kind, pattern, _)| (*kind, pattern.clone()))
            .collect()
    }

    /// Checks that each rule matches something, and waits for a handler that lists slowly.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn check_rules(&self) -> Result<(), Error> {
        let checked = rules::check(self.dispatch.clone(), self.checked_rules());
        match tokio::time::timeout(rules::LISTING_TIME, checked).await {
            Ok(checked) => checked,
            Err(_) => {
                tracing::warn!(
                    "cannot check the rules: the server took too long to list its entries"
                );
                Ok(())
            }
        }
    }

    /// Applies the builder's settings to `settings`.
    pub(crate) fn apply(&self, mut settings: Settings) -> Settings {
        for set in &self.overrides {
            set(&mut settings);
        }
        settings
    }
}

/// Returns the server's name, unless the author has set none and it is rmcp's own.
#[cfg(feature = "sign-in")]
fn name_of(dispatch: &dyn Dispatch) -> Option<String> {
    let info: serde_json::Map<_, _> = dispatch.profile().server_info.parse().ok()?;
    let name = info.get("title").or(info.get("name"))?;
    let name = name.as_str().filter(|name| *name != "rmcp")?;
    Some(name.to_owned())
}
