//! How to sign in.

use std::sync::Arc;
use std::time::Duration;

use farport_oauth::parse_url;
use serde_json::{Map, Value};
use url::Url;

use super::{Gate, SignInError, StaticClient};
use crate::http::{shown, usable};

/// Parameters that the flow sets itself, and no option may set.
const RESERVED: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
];

/// Whether an option may add this parameter to the authorization request.
fn is_free_parameter(name: &str) -> bool {
    !RESERVED.contains(&name)
}

/// Who approves a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// A user, in the browser of this machine.
    #[default]
    Browser,
    /// A user, in a browser anywhere, who enters a code (RFC 8628).
    Device,
    /// The client signs in with its own credential, without a user (RFC 6749, section 4.4).
    ClientCredentials {
        /// The token endpoint, for a server that publishes no OAuth metadata.
        token_endpoint: Option<Url>,
    },
    /// Only a stored sign-in is used.
    Never,
}

/// How to sign in, where the server leaves a choice.
#[derive(Clone, Debug)]
pub struct SignInOptions {
    /// Who approves it.
    pub flow: Flow,
    /// The port that the browser comes back to. Default: one that stays the same for a server, or
    /// another one where it is taken. A given one is never changed: it may have been registered.
    pub callback_port: Option<u16>,
    /// The host that the browser comes back to, which must mean this machine. Default: `localhost`.
    pub callback_host: String,
    /// The path that the browser comes back to. Default: `/oauth/callback`.
    pub callback_path: String,
    /// Where the browser goes after a successful sign-in. Default: farport's own page.
    pub success_url: Option<Url>,
    /// How long the user may take. Default: 300 s.
    pub timeout: Duration,
    /// The resource to request tokens for (RFC 8707). Default: the one in the server's metadata.
    pub resource: Option<String>,
    /// Whether requests name a resource. Default: yes.
    pub send_resource: bool,
    /// More parameters for the authorization endpoint.
    pub authorize_params: Vec<(String, String)>,
    /// Client metadata for the registration, over the defaults.
    pub client_metadata: Map<String, Value>,
    /// A client that was registered by hand.
    pub client_info: Option<StaticClient>,
    /// The URL of this client's metadata document, which is then its client id.
    pub client_metadata_url: Option<Url>,
    /// Whether the id token is presented to the server, in place of the access token.
    pub use_id_token: bool,
    /// Whether http may be used to other machines.
    pub allow_http: bool,
    /// Whether the user can paste the URL that the browser ended at. For machines whose browser
    /// is elsewhere. Default: no, because standard input is the client's.
    pub paste: bool,
    /// Decides when each step of a sign-in starts. Default: at once.
    pub gate: Option<Arc<dyn Gate>>,
}

impl Default for SignInOptions {
    fn default() -> Self {
        Self {
            flow: Flow::default(),
            callback_port: None,
            callback_host: "localhost".to_owned(),
            callback_path: "/oauth/callback".to_owned(),
            success_url: None,
            timeout: Duration::from_secs(300),
            resource: None,
            send_resource: true,
            authorize_params: Vec::new(),
            client_metadata: Map::new(),
            client_info: None,
            client_metadata_url: None,
            use_id_token: false,
            allow_http: false,
            paste: false,
            gate: None,
        }
    }
}

impl SignInOptions {
    /// Whether the options fit together.
    pub(crate) fn check(&self) -> Result<(), SignInError> {
        let refused = |why: String, hint| {
            let hint = Some(hint);
            Err(SignInError::Options { why, hint })
        };
        for (name, _) in &self.authorize_params {
            if !is_free_parameter(name) {
                return refused(
                    format!("--authorize-param cannot set {name}: the sign-in sets it"),
                    "set `scope` in --static-oauth-client-metadata, and `resource` with --resource",
                );
            }
        }
        if !self.callback_path.starts_with('/') || self.callback_path.contains(['?', '#']) {
            return refused(
                format!("invalid --callback-path {}", self.callback_path),
                "write a path that starts with / and has no query",
            );
        }
        let host = parse_url(&format!("http://{}/", self.callback_host));
        if !host.is_ok_and(|url| url.host_str() == Some(&*self.callback_host)) {
            return refused(
                format!("invalid --host {}", self.callback_host),
                "write the name of a host, such as localhost",
            );
        }
        if let Some(url) = &self.client_metadata_url
            && (url.scheme() != "https" || url.path() == "/")
        {
            return refused(
                format!("invalid --client-metadata-url {}", shown(url)),
                "use an https URL with a path",
            );
        }
        if let Some(url) = &self.success_url
            && (!usable(url, self.allow_http) || url.query().is_some() || url.fragment().is_some())
        {
            return refused(
                format!("invalid --auth-success-url {}", shown(url)),
                "use an https URL, or an http URL on this machine, without a query",
            );
        }
        if let Flow::ClientCredentials { token_endpoint } = &self.flow {
            if self.client_info.is_none() {
                return refused(
                    "--client-credentials requires a client id and secret".to_owned(),
                    "pass them with --static-oauth-client-info",
                );
            }
            if let Some(url) = token_endpoint
                && (!usable(url, false) || url.fragment().is_some())
            {
                return refused(
                    format!("invalid --token-endpoint {}", shown(url)),
                    "use an https URL without a fragment",
                );
            }
        }
        Ok(())
    }

    /// A text of the client metadata that was given.
    pub(super) fn wanted(&self, name: &str) -> Option<&str> {
        self.client_metadata.get(name).and_then(Value::as_str)
    }

    /// The scopes that were given.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        let scope = self.wanted("scope")?;
        Some(scope.split_whitespace().map(str::to_owned).collect())
    }
}
