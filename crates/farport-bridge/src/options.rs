//! How to reach a server.

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
    /// Streamable HTTP, and HTTP+SSE where the server has none.
    #[default]
    HttpFirst,
    /// HTTP+SSE, and streamable HTTP where the server has none.
    SseFirst,
    /// Streamable HTTP alone.
    HttpOnly,
    /// HTTP+SSE alone.
    SseOnly,
}

/// Whether a client of one era may use a server of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What the client says goes to the server; where the server does not know the client's era, the
    /// one is translated to the other.
    #[default]
    Auto,
    /// What the client says goes to the server, and nothing is tried beyond that.
    Legacy,
}

/// The most that one message of the server may have unless it is set otherwise, in bytes.
const LARGEST_MESSAGE: usize = 1024 * 1024 * 1024;
/// The most that is held in memory of one message unless it is set otherwise, in bytes.
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
    /// Headers of the user's own, with every request to the MCP server and to nobody else.
    pub headers: Vec<(String, String)>,
    /// Tools that the client does not get to see, `*` standing for anything.
    pub ignored_tools: Vec<String>,
    /// How often to ask a quiet server whether it is there. Default: never.
    pub ping: Option<Duration>,
    /// Whether cookies of the server are sent back to it. Default: they are.
    pub cookies: bool,
    /// The most that one message of the server may have, in bytes. From 2 MiB on it is in a temporary
    /// file until it is whole. Default: 1 GiB.
    pub largest_message: usize,
    /// The most that a message may have that has to be in memory, in bytes: one of the client, a list
    /// of tools, one that is translated between eras. Default: 64 MiB.
    pub largest_held: usize,
}

impl Options {
    /// Reaches the server at `url` in the usual way. `allow_http` takes it on itself to send
    /// everything, tokens too, in the clear to another machine.
    ///
    /// # Errors
    /// When `url` is no address of a server, or one that secrets must not be sent to.
    pub fn new(url: &str, allow_http: bool) -> Result<Self, Error> {
        let parsed = Url::parse(url).map_err(|error| {
            Error::Usage(format!(
                "{} is not a URL ({error}). It looks like https://host.example/mcp.",
                url.split(['?', '#']).next().unwrap_or_default()
            ))
        })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(Error::Usage(
                "A URL with a user or password in it is not used. Give the credential with \
                 --header 'Authorization: ...'."
                    .to_owned(),
            ));
        }
        if !usable(&parsed, allow_http) {
            return Err(Error::Usage(match parsed.scheme() {
                "http" => format!(
                    "{} would be reached without encryption. Use https, or, in a network that you \
                     trust, --allow-http.",
                    crate::http::shown(&parsed)
                ),
                other => format!("A server is reached over https or http, not over {other}."),
            }));
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
                Error::Usage(format!(
                    "The header {name} cannot be sent. Write it as 'Name: value'."
                ))
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
