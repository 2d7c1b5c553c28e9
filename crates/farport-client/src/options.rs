//! How to reach a server.

use farport_oauth::parse_url;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use crate::auth::SignInOptions;
use crate::http::{HttpOptions, usable};
use crate::identity::{Distinctions, Identity};
use crate::{Error, Flow};

/// Which transports are tried, in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportOrder {
    /// Streamable HTTP, then HTTP+SSE if the server does not have it.
    #[default]
    HttpFirst,
    /// HTTP+SSE, then streamable HTTP if the server does not have it.
    SseFirst,
    /// Only streamable HTTP.
    HttpOnly,
    /// Only HTTP+SSE.
    SseOnly,
}

/// Whether a client of one era may use a server of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Messages go to the server as they are. When the server does not know the client's era, they are
    /// translated.
    #[default]
    Auto,
    /// Messages go to the server as they are.
    Legacy,
}

/// The default for the largest message of the server, in bytes.
const LARGEST_MESSAGE: usize = 1024 * 1024 * 1024;
/// The default for the largest message in memory, in bytes.
const LARGEST_HELD: usize = 64 * 1024 * 1024;

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) url: Url,
    pub(crate) url_as_given: String,
    /// How requests are made.
    pub http: HttpOptions,
    /// How to sign in.
    pub sign_in: SignInOptions,
    /// Which transports are tried.
    pub transport: TransportOrder,
    /// Whether a client of one era may use a server of the other.
    pub protocol: Protocol,
    /// The user's headers, sent with every request to the MCP server and to no other server.
    pub headers: Vec<(String, String)>,
    /// Tools to hide from the client. `*` stands for any text.
    pub ignored_tools: Vec<String>,
    /// How often to ping an idle server. Default: never.
    pub ping: Option<Duration>,
    /// Whether the server's cookies are sent back to it. Default: yes.
    pub cookies: bool,
    /// The largest message of the server, in bytes. A message over 2 MiB is in a temporary file until it
    /// is complete. Default: 1 GiB.
    pub largest_message: usize,
    /// The largest message that has to be in memory, in bytes: a message of the client, a list of tools,
    /// a message that is translated between eras. Default: 64 MiB.
    pub largest_held: usize,
}

impl Options {
    /// Reaches the server at `url` with the default options. `allow_http` permits http to other machines,
    /// which sends everything unencrypted, tokens too.
    ///
    /// # Errors
    /// When `url` is not a URL of a server, or secrets must not be sent to it.
    pub fn new(url: &str, allow_http: bool) -> Result<Self, Error> {
        let parsed = parse_url(url).map_err(|error| {
            let shown = url.split(['?', '#']).next().unwrap_or_default();
            Error::usage_with_hint(
                format!("{shown} is not a URL: {error}"),
                "write the server's URL, such as https://host.example/mcp",
            )
        })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(Error::usage_with_hint(
                "the URL contains a user name or password",
                "pass the credential with --header 'Authorization: ...'",
            ));
        }
        if !usable(&parsed, allow_http) {
            let shown = crate::http::shown(&parsed);
            return Err(match parsed.scheme() {
                "http" => Error::usage_with_hint(
                    format!("{shown} is on another machine, and http does not encrypt"),
                    "use https, or --allow-http in a network that you trust",
                ),
                other => Error::usage_with_hint(
                    format!("farport does not support {other}:// URLs"),
                    "use an https or http URL",
                ),
            });
        }
        let mut without_fragment = parsed;
        without_fragment.set_fragment(None);
        Ok(Self {
            url: without_fragment,
            url_as_given: url.to_owned(),
            http: HttpOptions::default(),
            sign_in: SignInOptions {
                allow_http,
                ..SignInOptions::default()
            },
            transport: TransportOrder::default(),
            protocol: Protocol::default(),
            headers: Vec::new(),
            ignored_tools: Vec::new(),
            ping: None,
            cookies: true,
            largest_message: LARGEST_MESSAGE,
            largest_held: LARGEST_HELD,
        })
    }

    /// The server's address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers, ready to be sent.
    pub(crate) fn header_map(&self) -> Result<HeaderMap, Error> {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let refused = || {
                // The value may be a secret, so the name has to do.
                Error::usage_with_hint(
                    format!("invalid header {name}"),
                    "write headers as 'Name: value'; HTTP sets Host and Content-Length itself",
                )
            };
            let name = HeaderName::try_from(name.trim()).map_err(|_| refused())?;
            let mut value = HeaderValue::try_from(value.trim()).map_err(|_| refused())?;
            value.set_sensitive(true);
            if [
                header::HOST,
                header::CONTENT_LENGTH,
                header::TRANSFER_ENCODING,
            ]
            .contains(&name)
            {
                return Err(refused());
            }
            map.append(name, value);
        }
        Ok(map)
    }

    pub(crate) fn identity(&self) -> Identity {
        let token_endpoint = match &self.sign_in.flow {
            Flow::ClientCredentials { token_endpoint } => token_endpoint.as_ref(),
            _ => None,
        };
        Identity::new(
            &self.url_as_given,
            &self.url,
            &Distinctions {
                resource: self.sign_in.resource.as_deref(),
                authorize_params: &self.sign_in.authorize_params,
                headers: &self.headers,
                client_metadata_url: self.sign_in.client_metadata_url.as_ref().map(Url::as_str),
                token_endpoint: token_endpoint.map(Url::as_str),
            },
        )
    }
}
