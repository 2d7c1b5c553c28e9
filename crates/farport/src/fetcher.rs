//! Requests to other servers: identity providers, clients' metadata documents.

use std::{
    error::Error as _,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use bytes::{Bytes, BytesMut};
use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Reach, special_use};
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

/// Sends requests with rustls. What a stranger's URL names is resolved here, and the connection is
/// made to an address that was looked at, so that a name cannot lead elsewhere the second time.
#[derive(Debug)]
pub(crate) struct WebFetcher {
    resolver: Arc<dyn Resolver>,
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

/// Answers with the addresses of a name that anybody may ask.
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

#[derive(Debug, thiserror::Error)]
#[error("it has no address in the public network")]
struct Forbidden;

impl Default for WebFetcher {
    fn default() -> Self {
        Self::with(Arc::new(System))
    }
}

impl WebFetcher {
    fn with(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            configured: OnceLock::new(),
            public: OnceLock::new(),
        }
    }

    /// The client for this reach. Made when it is first needed: reading the machine's certificates
    /// takes time.
    fn client(&self, reach: Reach) -> Result<&Client, FetchError> {
        let (slot, public) = match reach {
            Reach::Configured => (&self.configured, false),
            Reach::Public => (&self.public, true),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        // Whoever was first has done the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("farport/", env!("CARGO_PKG_VERSION")));
        if public {
            let resolver = Public(self.resolver.clone());
            builder = builder
                .no_proxy()
                .https_only(true)
                .pool_max_idle_per_host(0)
                .dns_resolver(Arc::new(resolver));
        }
        let client = builder.build();
        let client = client.map_err(|error| FetchError::Failed(said(&error)))?;
        Ok(slot.get_or_init(|| client))
    }

    async fn send(&self, fetch: Fetch) -> Result<http::Response<Bytes>, FetchError> {
        let request: reqwest::Request = fetch
            .request
            .try_into()
            .map_err(|error| FetchError::Failed(said(&error)))?;
        if fetch.reach == Reach::Public {
            check_literal(request.url())?;
        }
        let client = self.client(fetch.reach)?;
        let exchange = async {
            let response = client
                .execute(request)
                .await
                .map_err(|error| failed(&error))?;
            bounded(response, fetch.most_bytes).await
        };
        let timed = tokio::time::timeout(fetch.timeout, exchange).await;
        timed.map_err(|_| FetchError::TimedOut)?
    }
}

impl Fetcher for WebFetcher {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
        Box::pin(self.send(fetch))
    }
}

/// A URL that holds an address instead of a name asks no resolver.
fn check_literal(url: &Url) -> Result<(), FetchError> {
    let forbidden = |why: String| Err(FetchError::Forbidden(why));
    if url.scheme() != "https" {
        return forbidden("it is not https".to_owned());
    }
    let address = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
        Some(url::Host::Domain(_)) => return Ok(()),
        None => return forbidden("it names no host".to_owned()),
    };
    match special_use(address) {
        true => forbidden(format!("{address} is for a special use")),
        false => Ok(()),
    }
}

async fn bounded(mut response: Response, most: usize) -> Result<http::Response<Bytes>, FetchError> {
    let mut answer = http::Response::new(Bytes::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + chunk.len() > most {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    *answer.body_mut() = body.freeze();
    Ok(answer)
}

fn failed(error: &reqwest::Error) -> FetchError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return FetchError::Forbidden(error.to_string());
        }
        cause = error.source();
    }
    FetchError::Failed(said(error))
}

/// An error with its causes, without the URL, whose query may hold a secret.
fn said(error: &reqwest::Error) -> String {
    let mut text = match (error.is_connect(), error.is_timeout()) {
        (true, _) => "cannot connect".to_owned(),
        (_, true) => "took too long".to_owned(),
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
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// Names everything after a list of addresses, one after another.
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

    /// Waits for the head of a request.
    async fn asked(stream: &mut TcpStream) {
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
                asked(&mut stream).await;
                let answer = b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.ok();
            }
        });
        (port, hits)
    }

    #[tokio::test]
    async fn a_strangers_url_never_reaches_this_machine() {
        let (port, hits) = canary().await;
        let rebinding = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"];
        let rebinding = rebinding.map(|text| text.parse().unwrap()).to_vec();
        let fetcher = WebFetcher::with(Arc::new(Rebinding(rebinding, AtomicUsize::new(0))));
        for host in [
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
        ] {
            for scheme in ["https", "http"] {
                let url = format!("{scheme}://{host}:{port}/client.json");
                let answer = fetcher.fetch(fetch(&url, Reach::Public)).await;
                let refused = matches!(
                    answer,
                    Err(FetchError::Forbidden(_) | FetchError::Failed(_))
                );
                assert!(refused, "{url}: {answer:?}");
            }
        }
        assert_eq!(hits.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (port, hits) = canary().await;
        let url = format!("http://127.0.0.1:{port}/here");
        let fetcher = WebFetcher::default();
        let answer = fetcher.fetch(fetch(&url, Reach::Configured)).await;
        assert_eq!(answer.unwrap().status(), 302);
        assert_eq!(hits.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_answer_is_bounded_in_length_and_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                asked(&mut stream).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n".to_owned();
                // The first gets too much, the second too little.
                let answer = answer + &"a".repeat(if held.is_empty() { 101 } else { 1 });
                stream.write_all(answer.as_bytes()).await.ok();
                held.push(stream);
            }
        });
        let url = format!("http://127.0.0.1:{port}/");
        let fetcher = WebFetcher::default();
        let answer = fetcher.fetch(fetch(&url, Reach::Configured)).await;
        assert!(matches!(answer, Err(FetchError::TooLong)), "{answer:?}");
        let mut slow = fetch(&url, Reach::Configured);
        slow.timeout = Duration::from_millis(200);
        let answer = fetcher.fetch(slow).await;
        assert!(matches!(answer, Err(FetchError::TimedOut)), "{answer:?}");
    }
}
