//! Requests to other servers: identity providers and clients' metadata documents.

use farport_oauth::parse_url;
use std::{
    error::Error as _,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Reach, special_use};
use reqwest::{
    Client, Proxy, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use farport_server::{Error, HostError};

/// The timeout for connecting to a public host, including DNS and the TLS handshake.
const CONNECT: Duration = Duration::from_secs(3);

/// The minimum time for a request to a public host that gets no response. A name in the operator's
/// network, one that does not resolve and one that does not respond all take the same time, so the time
/// does not reveal which it was.
const FAILURE: Duration = Duration::from_millis(3_500);

/// Sends requests with rustls. It resolves the name in a client's URL itself and connects to an address
/// that it has checked, so DNS rebinding cannot change the address.
///
/// With an HTTP proxy, the proxy resolves the name and connects. The fetcher then only refuses names of
/// private networks, and names that resolve to such addresses on this machine. The proxy decides about
/// all others.
#[derive(Debug)]
pub(crate) struct WebFetcher {
    resolver: Arc<dyn Resolver>,
    proxy: Option<Proxy>,
    configured: OnceLock<Client>,
    public: OnceLock<Client>,
}

/// Finds the addresses of a name.
trait Resolver: Send + Sync + std::fmt::Debug {
    fn addresses(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

#[derive(Debug)]
struct System;

impl Resolver for System {
    fn addresses(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Resolves names to addresses of the public network only.
struct Public(Arc<dyn Resolver>);

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.addresses(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            let public = found.into_iter().filter(|address| !special_use(*address));
            let public: Vec<_> = public.map(|ip| SocketAddr::new(ip, 0)).collect();
            if public.is_empty() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Names that are never public, including all names below them.
const PRIVATE_NAMES: [&str; 8] = [
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "invalid",
    "test",
    "onion",
    "alt",
];

#[derive(Debug, thiserror::Error)]
#[error("the host has no address in the public network")]
struct Forbidden;

impl WebFetcher {
    /// Sends all requests through the HTTP proxy at this URL, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`](crate::ErrorKind::Settings) when the URL is not the URL of an HTTP proxy.
    pub(crate) fn through(proxy: Option<&str>) -> Result<Self, Error> {
        let refuse = |why| Error::from(HostError::OutgoingProxy { why });
        let proxy = proxy.map(|text| {
            let url = parse_url(text).map_err(|_| refuse("it is not a URL"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(refuse("it is not an http or https URL"));
            }
            Proxy::all(url).map_err(|_| refuse("it is not the URL of a proxy"))
        });
        Ok(Self::with(Arc::new(System), proxy.transpose()?))
    }

    fn with(resolver: Arc<dyn Resolver>, proxy: Option<Proxy>) -> Self {
        Self {
            resolver,
            proxy,
            configured: OnceLock::new(),
            public: OnceLock::new(),
        }
    }

    /// Returns the HTTP client for this reach. It is created when it is first used, because reading the
    /// machine's certificates takes time.
    fn client(&self, reach: Reach) -> Result<&Client, FetchError> {
        let (slot, public) = match reach {
            Reach::Configured => (&self.configured, false),
            Reach::Public => (&self.public, true),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        // An error means that another call installed the same provider first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("farport/", env!("CARGO_PKG_VERSION")));
        if public {
            builder = builder
                .no_proxy()
                .connect_timeout(CONNECT)
                .https_only(true)
                .pool_max_idle_per_host(0);
        }
        match &self.proxy {
            // Then this machine only resolves the name of the proxy.
            Some(proxy) => builder = builder.proxy(proxy.clone()),
            None if public => {
                let resolver = Public(self.resolver.clone());
                builder = builder.dns_resolver(Arc::new(resolver));
            }
            None => {}
        }
        let client = builder.build();
        let client = client.map_err(|error| FetchError::Failed(described(&error)))?;
        Ok(slot.get_or_init(|| client))
    }

    /// Refuses a name that is not public, before a proxy resolves it. It accepts a name that only the
    /// proxy can resolve, because a machine behind a proxy often resolves no public names itself.
    async fn check_name(&self, url: &Url) -> Result<(), FetchError> {
        let Some(url::Host::Domain(name)) = url.host() else {
            return Ok(());
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let below = |special: &&str| {
            let rest = name.strip_suffix(*special);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if !name.contains('.') || PRIVATE_NAMES.iter().any(below) {
            return Err(FetchError::Forbidden(Forbidden.to_string()));
        }
        let found = self.resolver.addresses(name).await.unwrap_or_default();
        if found.into_iter().any(special_use) {
            Err(FetchError::Forbidden(Forbidden.to_string()))
        } else {
            Ok(())
        }
    }

    async fn send(&self, fetch: Fetch) -> Result<http::Response<Bytes>, FetchError> {
        let request: reqwest::Request = fetch
            .request
            .try_into()
            .map_err(|error| FetchError::Failed(described(&error)))?;
        let client = self.client(fetch.reach)?;
        let exchange = async {
            if fetch.reach == Reach::Public {
                check_literal(request.url())?;
                if self.proxy.is_some() {
                    self.check_name(request.url()).await?;
                }
            }
            let response = client
                .execute(request)
                .await
                .map_err(|error| failed(&error))?;
            bounded(response, fetch.most_bytes).await
        };
        let failure_at = tokio::time::Instant::now() + fetch.timeout.min(FAILURE);
        let timed = tokio::time::timeout(fetch.timeout, exchange).await;
        let response = timed.unwrap_or(Err(FetchError::TimedOut));
        let failed = response
            .as_ref()
            .is_err_and(|error| !matches!(error, FetchError::TooLong));
        if failed && fetch.reach == Reach::Public {
            tokio::time::sleep_until(failure_at).await;
        }
        response
    }
}

impl Fetcher for WebFetcher {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
        Box::pin(self.send(fetch))
    }
}

/// Checks a URL with an address instead of a name, which no resolver sees.
fn check_literal(url: &Url) -> Result<(), FetchError> {
    let forbidden = |why: String| Err(FetchError::Forbidden(why));
    if url.scheme() != "https" {
        return forbidden("the URL is not https".to_owned());
    }
    let address = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
        Some(url::Host::Domain(_)) => return Ok(()),
        None => return forbidden("the URL has no host".to_owned()),
    };
    if special_use(address) {
        forbidden(format!("{address} is reserved for a special use"))
    } else {
        Ok(())
    }
}

async fn bounded(mut response: Response, most: usize) -> Result<http::Response<Bytes>, FetchError> {
    let mut bounded = http::Response::new(Bytes::new());
    *bounded.status_mut() = response.status();
    *bounded.headers_mut() = response.headers().clone();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + chunk.len() > most {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    *bounded.body_mut() = body.freeze();
    Ok(bounded)
}

fn failed(error: &reqwest::Error) -> FetchError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return FetchError::Forbidden(error.to_string());
        }
        cause = error.source();
    }
    FetchError::Failed(described(error))
}

/// Describes an error with its causes, without the URL, whose query may contain a secret.
fn described(error: &reqwest::Error) -> String {
    let mut text = match (error.is_connect(), error.is_timeout()) {
        (true, _) => "cannot connect".to_owned(),
        (_, true) => "the request timed out".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// Resolves every name to the next of a list of addresses.
    #[derive(Debug)]
    struct Rebinding(Vec<IpAddr>, AtomicUsize);

    impl Resolver for Rebinding {
        fn addresses(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
            let turn = self.1.fetch_add(1, Ordering::SeqCst);
            let address = self.0[turn % self.0.len()];
            Box::pin(async move { Ok(vec![address]) })
        }
    }

    fn fetch(url: &str, reach: Reach) -> Fetch {
        Fetch {
            request: http::Request::get(url).body(Bytes::new()).unwrap(),
            reach,
            most_bytes: 100,
            timeout: Duration::from_secs(2),
        }
    }

    /// Reads the head of a request.
    async fn read_head(stream: &mut TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
    }

    async fn canary() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = hits.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                read_head(&mut stream).await;
                let response =
                    b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(response).await.ok();
            }
        });
        (port, hits)
    }

    #[tokio::test]
    async fn a_clients_url_never_reaches_this_machine() {
        let (port, hits) = canary().await;
        let rebinding = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"];
        let rebinding = rebinding.map(|text| text.parse().unwrap()).to_vec();
        let fetcher = WebFetcher::with(Arc::new(Rebinding(rebinding, AtomicUsize::new(0))), None);
        let hosts = [
            "127.0.0.1",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "rebinding.example",
            "localhost",
            "rebinding.example",
            "rebinding.example",
        ];
        let urls = hosts.iter().flat_map(|host| {
            ["https", "http"].map(|scheme| format!("{scheme}://{host}:{port}/client.json"))
        });
        join_all(urls.map(async |url| {
            let response = fetcher.fetch(fetch(&url, Reach::Public)).await;
            let refused = matches!(
                response,
                Err(FetchError::Forbidden(_) | FetchError::Failed(_))
            );
            assert!(refused, "{url}: {response:?}");
        }))
        .await;
        assert_eq!(hits.load(Ordering::SeqCst), 0);
    }

    /// Resolves names of the operator's network, and others.
    #[derive(Debug)]
    struct Network;

    impl Resolver for Network {
        fn addresses(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                match name.as_str() {
                    "internal.example" => Ok(vec![IpAddr::from([10, 0, 0, 7])]),
                    _ => Err(std::io::Error::other("there is no such name")),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_in_the_operators_network_fails_as_slowly_as_an_unknown_one() {
        let fetcher = WebFetcher::with(Arc::new(Network), None);
        for host in ["internal.example", "missing.example", "10.0.0.7", "[::1]"] {
            let mut fetch = fetch(&format!("https://{host}/c"), Reach::Public);
            fetch.timeout = Duration::from_secs(10);
            let start = tokio::time::Instant::now();
            let response = fetcher.fetch(fetch).await;
            assert!(response.is_err(), "{host}: {response:?}");
            let took = start.elapsed();
            assert!(took >= FAILURE && took < FAILURE * 2, "{host}: {took:?}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_returned_and_not_followed() {
        let (port, hits) = canary().await;
        let url = format!("http://127.0.0.1:{port}/here");
        let fetcher = WebFetcher::through(None).unwrap();
        let response = fetcher.fetch(fetch(&url, Reach::Configured)).await;
        assert_eq!(response.unwrap().status(), 302);
        assert_eq!(hits.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_response_is_limited_in_size_and_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                read_head(&mut stream).await;
                let response = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n".to_owned();
                // The first response is too long, the second is short enough.
                let response = response + &"a".repeat(if held.is_empty() { 101 } else { 1 });
                stream.write_all(response.as_bytes()).await.ok();
                held.push(stream);
            }
        });
        let url = format!("http://127.0.0.1:{port}/");
        let fetcher = WebFetcher::through(None).unwrap();
        let response = fetcher.fetch(fetch(&url, Reach::Configured)).await;
        assert!(matches!(response, Err(FetchError::TooLong)), "{response:?}");
        let mut slow = fetch(&url, Reach::Configured);
        slow.timeout = Duration::from_millis(200);
        let response = fetcher.fetch(slow).await;
        assert!(
            matches!(response, Err(FetchError::TimedOut)),
            "{response:?}"
        );
    }

    /// A proxy that records the head of each request and refuses to connect.
    async fn refusing_proxy() -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = heads.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let head = String::from_utf8(head).unwrap();
                noted.lock().unwrap().push(head);
                let response = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(response).await.ok();
            }
        });
        (url, heads)
    }

    #[tokio::test]
    async fn every_request_goes_through_the_configured_proxy() {
        let (url, heads) = refusing_proxy().await;
        let url = url.replace("http://", "http://ann:secret@");
        let fetcher = WebFetcher::through(Some(&url)).unwrap();
        for (target, reach) in [
            ("https://93.184.216.34/client.json", Reach::Public),
            ("https://issuer.invalid/keys", Reach::Configured),
            ("http://issuer.invalid/keys", Reach::Configured),
        ] {
            let _ = fetcher.fetch(fetch(target, reach)).await;
            let head = heads.lock().unwrap().pop();
            let head = head.unwrap_or_else(|| panic!("{target} did not go through the proxy"));
            let expect = if target.starts_with("https") {
                "CONNECT "
            } else {
                "GET http://issuer.invalid/keys "
            };
            assert!(head.starts_with(expect), "{target}: {head}");
            let head = head.to_ascii_lowercase();
            assert!(head.contains("proxy-authorization: basic "), "{head}");
        }
    }

    #[tokio::test]
    async fn a_clients_url_does_not_reach_private_networks_through_a_proxy() {
        let (url, heads) = refusing_proxy().await;
        let resolver = || {
            let addresses = ["10.0.0.1", "::1", "169.254.169.254"];
            let addresses = addresses.map(|text| text.parse().unwrap()).to_vec();
            Arc::new(Rebinding(addresses, AtomicUsize::new(0)))
        };
        let fetcher = WebFetcher::with(resolver(), Some(Proxy::all(&url).unwrap()));
        let unchecked = [
            "https://private.example/client.json",
            "https://127.0.0.1/client.json",
            "https://[fd00::1]/client.json",
            "https://localhost/client.json",
            "https://intranet/client.json",
            "https://wiki.internal/client.json",
            "http://93.184.216.34/client.json",
        ];
        for target in unchecked {
            let response = fetcher.fetch(fetch(target, Reach::Public)).await;
            assert!(
                matches!(response, Err(FetchError::Forbidden(_))),
                "{target}"
            );
        }
        assert_eq!(*heads.lock().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_proxy_is_an_http_url() {
        for (url, expect) in [
            ("http://proxy.example:3128", true),
            ("https://user:secret@proxy.example", true),
            ("socks5://proxy.example", false),
            ("proxy.example:3128", false),
            ("", false),
        ] {
            let made = WebFetcher::through(Some(url));
            assert_eq!(made.is_ok(), expect, "{url}");
            if let Err(error) = made {
                assert!(error.to_string().contains("outgoing_proxy"), "{error}");
            }
        }
    }
}
