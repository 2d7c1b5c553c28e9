//! The builder of a server.

mod settings;

use std::{fmt, sync::Arc};

use farport_core::{
    InstanceContext as Context,
    policy::{self, Kind, Permission},
};
use farport_http::Theme;
use farport_server::{Error, IntoServer};
use rmcp::ServerHandler;

use crate::platform::Host;

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
    pub(crate) server: farport_server::Server,
    pub(crate) host: Host,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

impl IntoServer for Server {
    fn into_server(self) -> Result<farport_server::Server, Error> {
        Ok(self.server)
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
        Self {
            host: Host::new(&factory),
            server: farport_server::Server::new(move |context: &Context| factory(context)),
        }
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
        self.server.allow_unmatched(pattern);
        self
    }

    /// Permits a tool to every caller, signed in or not; `tool` may end in `*`.
    #[must_use]
    pub fn public(self, tool: &str) -> Self {
        self.permit(tool, policy::anyone())
    }

    fn permit_kind(mut self, kind: Kind, pattern: &str, permission: Permission) -> Self {
        self.server.permit(kind, pattern, permission);
        self
    }

    /// Describes a scope for the user on the consent page.
    #[must_use]
    pub fn describe_scope(mut self, scope: &str, words: &str) -> Self {
        self.server.describe_scope(scope, words);
        self
    }

    /// Sets the scopes that a client should request at first. It can request more when a tool requires
    /// more.
    #[must_use]
    pub fn default_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into);
        self.server.add_default_scopes(scopes);
        self
    }

    /// Sets the name, logo and color of the sign-in pages.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.server.set_theme(theme);
        self
    }
}
