//! HTTP with bounded times. A secret is only sent to the server that it is for.
//!
//! - Redirects are followed to the same origin only, and never by a request that carries a code, a
//!   token or a client's secret to a token endpoint.
//! - TLS, and the system's certificates, are loaded with the first https request.

use farport_oauth::join_url;
mod certificate;
mod coding;
mod cookies;
mod origin;
mod proxy;
mod reach;
mod response;
mod status;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::Notify;
use url::Url;

pub(crate) use cookies::Cookies;
pub(crate) use origin::{is_loopback, same_origin, shown, usable};
pub(crate) use reach::{Reach, is_private};
pub(crate) use response::Incoming;
pub(crate) use status::{status_error, status_hint};

use crate::Error;
use crate::observe::{Exchange, Observer, Purpose, Watch};
use proxy::{Proxies, Proxy};
use reach::{PrivateAddress, PublicResolver};

/// Time limits. Zero means no limit.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For a connection to be established. Default: 10 s.
    pub connect: Duration,
    /// Until a response begins, without progress of the call. Default: 300 s.
    pub headers: Duration,
    /// Between two pieces of a response, without progress of the call. Comments that keep a stream
    /// alive count as pieces. Default: 300 s.
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
    /// Receives each HTTP exchange and each step of a sign-in. Default: none.
    pub observer: Option<Arc<dyn Observer>>,
}

/// How a request treats redirects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// Follows them within the origin.
    SameOrigin,
    /// Treats them as errors.
    Never,
}

/// How long an idle connection is kept. Less than the 5 s after which the most common
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
    /// Why the request is made.
    pub(crate) purpose: Purpose,
    /// 1 for the first attempt.
    pub(crate) attempt: u32,
}

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Http {
    options: HttpOptions,
    proxies: Proxies,
    watch: Option<Watch>,
    /// One for each [`Route`], made with its first request.
    clients: [OnceLock<reqwest::Client>; 8],
}

/// What tells two clients apart.
#[derive(Clone, Copy)]
struct Route<'a> {
    /// Whether TLS is needed. Without it no certificates are loaded.
    secure: bool,
    proxy: Option<&'a Proxy>,
    reach: Reach,
}

impl Route<'_> {
    fn index(self) -> usize {
        usize::from(self.secure)
            | usize::from(self.proxy.is_some()) << 1
            | usize::from(self.reach == Reach::Public) << 2
    }
}

impl Http {
    pub(crate) fn new(options: HttpOptions) -> Self {
        let proxies = if options.proxy {
            Proxies::of_environment()
        } else {
            Proxies::default()
        };
        Self {
            watch: options.observer.clone().map(Watch::new),
            options,
            proxies,
            clients: [const { OnceLock::new() }; 8],
        }
    }

    /// Sends a request, and waits for the head of its response.
    pub(crate) async fn send(&self, request: Outgoing) -> Result<Incoming, Error> {
        self.send_to(request, Reach::Anywhere, None).await
    }

    /// Sends a request, and waits for the head of its response. Each signal of `progress` restarts the
    /// time limits of the response.
    pub(crate) async fn send_with_progress(
        &self,
        request: Outgoing,
        progress: Option<&Arc<Notify>>,
    ) -> Result<Incoming, Error> {
        self.send_to(request, Reach::Anywhere, progress).await
    }

    /// The observer.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Whether a request to this URL goes through a proxy, which then resolves its host name.
    pub(crate) fn uses_proxy(&self, url: &Url) -> bool {
        self.proxies.of(url).is_some()
    }

    /// Sends a request that may go no further than `reach`. Through a proxy, which resolves host
    /// names itself, only URLs that show a private address are refused.
    pub(crate) async fn send_within(
        &self,
        request: Outgoing,
        reach: Reach,
    ) -> Result<Incoming, Error> {
        self.send_to(request, reach, None).await
    }

    async fn send_to(
        &self,
        mut request: Outgoing,
        reach: Reach,
        progress: Option<&Arc<Notify>>,
    ) -> Result<Incoming, Error> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_once(&request, reach, progress).await?;
            let url = request.url.clone();
            let status = response.status();
            let target = match response.headers().get(header::LOCATION) {
                Some(location) if status.is_redirection() => location
                    .to_str()
                    .ok()
                    .and_then(|location| join_url(&url, location).ok()),
                _ => return Ok(response),
            };
            let Some(target) = target else {
                return Err(Error::NotMcp {
                    url: shown(&url),
                    why: "it redirects to an invalid address".to_owned(),
                });
            };
            if !same_origin(&url, &target) {
                return Err(Error::Redirected {
                    from: shown(&url),
                    to: shown(&target),
                });
            }
            let refused = |why: &'static str| Error::NotRedirected {
                from: shown(&url),
                to: shown(&target),
                why,
            };
            if request.redirects == Redirects::Never {
                return Err(refused("a request with a secret does not follow redirects"));
            }
            // 307 and 308 repeat the request; the older ones turn a POST into a GET.
            if !matches!(
                status,
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
            ) && request.method == Method::POST
            {
                if status != StatusCode::SEE_OTHER {
                    return Err(refused("it turns the POST into a GET without its message"));
                }
                request.method = Method::GET;
                request.body = Bytes::new();
                request.headers.remove(header::CONTENT_TYPE);
            }
            request.url = target;
        }
        Err(Error::NotMcp {
            url: shown(&request.url),
            why: format!("it redirects more than {MAX_REDIRECTS} times"),
        })
    }

    async fn send_once(
        &self,
        outgoing: &Outgoing,
        reach: Reach,
        progress: Option<&Arc<Notify>>,
    ) -> Result<Incoming, Error> {
        let Outgoing {
            method,
            url,
            mut headers,
            body,
            purpose,
            attempt,
            ..
        } = outgoing.clone();
        if !reach.permits(&url) {
            return Err(Error::PrivateNetwork { url: shown(&url) });
        }
        let route = Route {
            secure: url.scheme() == "https",
            proxy: self.proxies.of(&url),
            reach,
        };
        let client = self.client(&url, route)?;
        // Without the header, a server may use any coding (RFC 9110, section 12.5.3).
        headers
            .entry(header::ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("identity"));
        let mut exchange = self.watch.as_ref().map(|watch| {
            Exchange::start(watch, (purpose, attempt), &method, &url, &headers, &body)
        });
        let mut request = client.request(method, url.clone()).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let limit = self.options.timeouts.headers;
        let answer = async {
            request
                .send()
                .await
                .map_err(|error| self.explain(&url, route.proxy, error))
        };
        let response = within(limit, progress.map(|progress| &**progress), answer)
            .await
            .ok_or_else(|| Error::TimedOut {
                url: shown(&url),
                after: limit,
                flag: "--headers-timeout",
            })
            .flatten();
        if let Some(exchange) = &mut exchange {
            match &response {
                Ok(response) => exchange.response(response.status(), response.headers()),
                Err(error) => exchange.failed(error),
            }
        }
        let response = response?;
        if let Some(proxy) = route.proxy
            && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            return Err(proxy_error(
                &url,
                proxy,
                "it requires a user and a password",
            ));
        }
        Ok(Incoming::new(
            response,
            url,
            self.options.timeouts.body,
            route.proxy.is_none(),
            progress.cloned(),
            exchange,
        ))
    }

    /// The time limits.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.options.timeouts
    }

    fn client(&self, url: &Url, route: Route<'_>) -> Result<&reqwest::Client, Error> {
        let cell = self.clients.get(route.index());
        let Some(cell) = cell else {
            return Err(Error::Stopped);
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.build(url, route)?;
        Ok(cell.get_or_init(|| client))
    }

    fn build(&self, url: &Url, route: Route<'_>) -> Result<reqwest::Client, Error> {
        // Fails when it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("farport/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .pool_idle_timeout(IDLE)
            .referer(false);
        let secure_proxy = |proxy: &Proxy| proxy.url().starts_with("https");
        if route.secure || route.proxy.is_some_and(secure_proxy) {
            builder = builder.tls_certs_merge(certificate::extra_authorities()?);
        } else {
            builder = builder.tls_certs_only([]);
        }
        builder = match route.proxy {
            Some(proxy) => {
                let unusable = |_| proxy_error(url, proxy, "its URL is invalid");
                builder.proxy(reqwest::Proxy::all(proxy.url()).map_err(unusable)?)
            }
            None if route.reach == Reach::Public => builder
                .no_proxy()
                .dns_resolver(Arc::new(PublicResolver::default())),
            None => builder.no_proxy(),
        };
        if !self.options.timeouts.connect.is_zero() {
            builder = builder.connect_timeout(self.options.timeouts.connect);
        }
        if self.options.ipv4 {
            builder = builder.local_address(std::net::IpAddr::from([0, 0, 0, 0]));
        }
        builder.build().map_err(|error| Error::NoAuthorities {
            why: response::causes(&error),
        })
    }

    fn explain(&self, url: &Url, proxy: Option<&Proxy>, error: reqwest::Error) -> Error {
        if PrivateAddress::caused(&error) {
            return Error::PrivateNetwork { url: shown(url) };
        }
        if let Some((why, hint)) = certificate::fault(&error) {
            return Error::Certificate {
                host: url.host_str().unwrap_or_default().to_owned(),
                why,
                hint,
            };
        }
        if certificate::is_plaintext(&error) {
            return Error::Plaintext { url: shown(url) };
        }
        let why = response::causes(&error);
        if let Some(proxy) = proxy
            && error.is_connect()
        {
            return proxy_error(url, proxy, &why);
        }
        if error.is_timeout() {
            return Error::TimedOut {
                url: shown(url),
                after: self.options.timeouts.connect,
                flag: "--connect-timeout",
            };
        }
        if url.scheme() == "http" && response::is_not_http(&error) {
            return Error::NotMcp {
                url: shown(url),
                why: "its answer is not HTTP; if the server speaks https on this port, use an \
                      https:// URL"
                    .to_owned(),
            };
        }
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

/// Waits for `future` for as long as `limit`, and anew after each signal of `progress`. `None` when the
/// time is over; zero means no limit.
pub(crate) async fn within<T>(
    limit: Duration,
    progress: Option<&Notify>,
    future: impl Future<Output = T>,
) -> Option<T> {
    if limit.is_zero() {
        return Some(future.await);
    }
    let mut future = pin!(future);
    loop {
        let signalled = async {
            match progress {
                Some(progress) => progress.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = &mut future => return Some(done),
            () = signalled => {}
            () = tokio::time::sleep(limit) => return None,
        }
    }
}

fn proxy_error(url: &Url, proxy: &Proxy, why: &str) -> Error {
    Error::Proxy {
        url: shown(url),
        proxy: proxy.shown(),
        variable: proxy.variable(),
        why: why.to_owned(),
    }
}
