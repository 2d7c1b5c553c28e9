//! How to sign in.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::authorize::is_free_parameter;
use super::{SignInError, StaticClient};
use crate::http::usable;

/// Who says yes to a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// A person, in the browser of this machine.
    #[default]
    Browser,
    /// A person, in a browser anywhere, who enters a code (RFC 8628).
    Device,
    /// Nobody: the client has a credential of its own (RFC 6749, section 4.4).
    ClientCredentials {
        /// Where the token is had, for a server that describes no sign-in.
        token_endpoint: Option<Url>,
    },
    /// Nobody: what is stored is used, and nothing else.
    Never,
}

/// How to sign in, as far as the server leaves it open.
#[derive(Clone, Debug)]
pub struct SignInOptions {
    /// Who says yes.
    pub flow: Flow,
    /// The port that the browser comes back to. Default: one that stays the same for a server, or
    /// another one where it is taken. A given one is never changed: it may have been registered.
    pub callback_port: Option<u16>,
    /// The host that the browser comes back to, which must mean this machine. Default: `localhost`.
    pub callback_host: String,
    /// The path that the browser comes back to. Default: `/oauth/callback`.
    pub callback_path: String,
    /// Where the browser goes after a sign-in that worked. Default: a page of our own.
    pub success_url: Option<Url>,
    /// How long a person may take. Default: 300 s.
    pub timeout: Duration,
    /// The resource that tokens are asked for (RFC 8707). Default: what the server calls itself.
    pub resource: Option<String>,
    /// Whether a resource is named at all. Default: it is.
    pub send_resource: bool,
    /// More parameters for the authorization endpoint.
    pub authorize_params: Vec<(String, String)>,
    /// What to register with, over the defaults.
    pub client_metadata: Map<String, Value>,
    /// A client that was registered by hand.
    pub client_info: Option<StaticClient>,
    /// The address of a client id metadata document of ours.
    pub client_metadata_url: Option<Url>,
    /// Whether the id token is presented to the server, in place of the access token.
    pub use_id_token: bool,
    /// Whether http may be used to other machines.
    pub allow_http: bool,
    /// Whether a person may paste the address that the browser ended at. For machines whose browser
    /// is elsewhere. Default: no, because standard input is the client's.
    pub paste: bool,
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
        }
    }
}

impl SignInOptions {
    /// Whether the options fit together.
    pub(crate) fn check(&self) -> Result<(), SignInError> {
        let refused = |why: String| Err(SignInError::Options(why));
        for (name, _) in &self.authorize_params {
            if !is_free_parameter(name) {
                return refused(format!(
                    "--authorize-param {name} is set by the sign-in itself; `scope` goes into \
                     --static-oauth-client-metadata, `resource` into --resource."
                ));
            }
        }
        if !self.callback_path.starts_with('/') || self.callback_path.contains(['?', '#']) {
            return refused("--callback-path has to be a path, which starts with /.".to_owned());
        }
        let host = Url::parse(&format!("http://{}/", self.callback_host));
        if !host.is_ok_and(|url| url.host_str() == Some(&*self.callback_host)) {
            return refused(format!(
                "--host {} is not the name of a host.",
                self.callback_host
            ));
        }
        if let Some(url) = &self.client_metadata_url
            && (url.scheme() != "https" || url.path() == "/")
        {
            return refused(
                "--client-metadata-url has to be an https address with a path.".to_owned(),
            );
        }
        if let Some(url) = &self.success_url
            && (!usable(url, self.allow_http) || url.query().is_some() || url.fragment().is_some())
        {
            return refused(
                "--auth-success-url has to be https, or http on this machine, without a query."
                    .to_owned(),
            );
        }
        if let Flow::ClientCredentials { token_endpoint } = &self.flow {
            if self.client_info.is_none() {
                return refused(
                    "--client-credentials needs the client's id and secret in \
                     --static-oauth-client-info."
                        .to_owned(),
                );
            }
            if token_endpoint
                .as_ref()
                .is_some_and(|url| !usable(url, false) || url.fragment().is_some())
            {
                return refused("--token-endpoint has to be https.".to_owned());
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
