//! HTTP as the bridge needs it: bounded in time, and with nothing secret sent to a server that was
//! not asked for.
//!
//! - Redirects are followed to the same origin only, and never by a request that carries a code, a
//!   token or a client's secret to a token endpoint.
//! - TLS, and the system's certificates, are loaded with the first https request.

mod certificate;
mod cookies;
mod origin;
mod response;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

pub(crate) use cookies::Cookies;
pub(crate) use origin::{is_loopback, same_origin, shown, usable};
pub(crate) use response::{Incoming, status_error};

use crate::Error;

/// How long things may take. Zero means: as long as they like.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// To connect. Default: 10 s.
    pub connect: Duration,
    /// To the head of a response. Default: 300 s.
    pub headers: Duration,
    /// Between two pieces of a body. Default: 300 s.
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            headers: Duration::from_secs(300),
            body: Duration::from_secs(300),
        }
    }
}

/// How requests are made.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Whether the proxy of the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) is used.
    pub proxy: bool,
    /// Whether to connect over IPv4 only.
    pub ipv4: bool,
}

/// What is done about a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// It is followed within the origin.
    SameOrigin,
    /// It is an error.
    Never,
}

/// How long a connection is kept that nobody uses. Less than the 5 s after which the most common
/// servers close theirs: a message that crosses such a close is lost, and must not be sent twice.
const IDLE: Duration = Duration::from_secs(4);

/// The most redirects of one request.
const MAX_REDIRECTS: usize = 5;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) redirects: Redirects,
}

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Http {
    options: HttpOptions,
    /// For http: it has no certificates loaded.
    plain: OnceLock<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
}

impl Http {
    pub(crate) fn new(options: HttpOptions) -> Self {
        Self {
            options,
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        }
    }

    /// Sends a request, and waits for the head of its response.
    pub(crate) async fn send(&self, request: Outgoing) -> Result<Incoming, Error> {
        let Outgoing {
            mut method,
            mut url,
            mut headers,
            mut body,
            redirects,
        } = request;
        for _ in 0..=MAX_REDIRECTS {
            let response = self
                .send_once(method.clone(), url.clone(), headers.clone(), body.clone())
                .await?;
            let status = response.status();
            let target = match response.headers().get(header::LOCATION) {
                Some(location) if status.is_redirection() => location
                    .to_str()
                    .ok()
                    .and_then(|location| url.join(location).ok()),
                _ => return Ok(response),
            };
            let refused = |to: String| Error::Redirected {
                from: shown(&url),
                to,
            };
            let Some(target) = target else {
                return Err(refused("an address that cannot be read".to_owned()));
            };
            if redirects == Redirects::Never || !same_origin(&url, &target) {
                return Err(refused(shown(&target)));
            }
            // 307 and 308 repeat the request; the older ones turn a POST into a GET.
            if !matches!(
                status,
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
            ) && method == Method::POST
            {
                if status != StatusCode::SEE_OTHER {
                    return Err(refused(format!(
                        "{}, in a way that loses what was sent",
                        shown(&target)
                    )));
                }
                method = Method::GET;
                body = Bytes::new();
                headers.remove(header::CONTENT_TYPE);
            }
            url = target;
        }
        Err(Error::Redirected {
            from: shown(&url),
            to: "itself, over and over".to_owned(),
        })
    }

    async fn send_once(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Incoming, Error> {
        let client = self.client(&url)?;
        let mut request = client.request(method, url.clone()).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let limit = self.options.timeouts.headers;
        let answer = async {
            request
                .send()
                .await
                .map_err(|error| self.explain(&url, error))
        };
        let response = if limit.is_zero() {
            answer.await?
        } else {
            tokio::time::timeout(limit, answer)
                .await
                .map_err(|_| Error::TimedOut {
                    url: shown(&url),
                    after: limit,
                    flag: "--headers-timeout",
                })??
        };
        Ok(Incoming::new(response, url, self.options.timeouts.body))
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let (cell, secure) = match url.scheme() {
            "https" => (&self.secure, true),
            _ => (&self.plain, false),
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.build(secure).map_err(|error| Error::Unreachable {
            url: shown(url),
            why: response::causes(&error),
        })?;
        Ok(cell.get_or_init(|| client))
    }

    fn build(&self, secure: bool) -> Result<reqwest::Client, reqwest::Error> {
        // Fails when it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("farport/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .pool_idle_timeout(IDLE)
            .referer(false);
        if !secure && !self.options.proxy {
            builder = builder.tls_certs_only([]);
        }
        if !self.options.proxy {
            builder = builder.no_proxy();
        }
        if !self.options.timeouts.connect.is_zero() {
            builder = builder.connect_timeout(self.options.timeouts.connect);
        }
        if self.options.ipv4 {
            builder = builder.local_address(std::net::IpAddr::from([0, 0, 0, 0]));
        }
        builder.build()
    }

    fn explain(&self, url: &Url, error: reqwest::Error) -> Error {
        if let Some((why, advice)) = certificate::fault(&error) {
            return Error::Certificate {
                host: url.host_str().unwrap_or_default().to_owned(),
                why,
                advice,
            };
        }
        if error.is_timeout() {
            return Error::TimedOut {
                url: shown(url),
                after: self.options.timeouts.connect,
                flag: "--connect-timeout",
            };
        }
        let why = response::causes(&error);
        if error.is_connect() {
            Error::Unreachable {
                url: shown(url),
                why,
            }
        } else {
            Error::Broken {
                url: shown(url),
                why,
            }
        }
    }
}
