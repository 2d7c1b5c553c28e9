//! How far a request may go: anywhere, or to public addresses alone.
//!
//! A public MCP server chooses the URLs of its metadata and its authorization server. Without a
//! limit it could make the client send requests into the user's own network. The check is made
//! on the addresses that the connection is opened to, so a name cannot resolve to one address for
//! the check and to another for the connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use farport_oauth::special_use;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::is_loopback;

/// How far a request may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To every address. For the MCP server itself, which the user chose, and for what a server in
    /// a private network names.
    #[default]
    Anywhere,
    /// To public addresses. For URLs that a public MCP server names.
    Public,
}

impl Reach {
    /// Whether the host of `url` is inside this reach, judged by its text: a name still has
    /// to be resolved.
    pub(crate) fn permits(self, url: &Url) -> bool {
        self == Self::Anywhere || !is_private(url)
    }

    /// Whether a browser that opens `url` stays inside this reach. The browser resolves the name
    /// itself, so one private address among several is enough to refuse it. A name that does not
    /// resolve here leads nowhere and passes.
    pub(crate) async fn permits_browser(self, url: &Url) -> bool {
        if !self.permits(url) {
            return false;
        }
        match (self, url.host()) {
            (Self::Public, Some(Host::Domain(name))) => {
                let found = tokio::net::lookup_host((name, 0)).await;
                !found.is_ok_and(|mut all| all.any(|address| special_use(address.ip())))
            }
            _ => true,
        }
    }
}

/// Whether the text of a URL shows that it leads to this machine or into a private network.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => special_use(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => special_use(IpAddr::V6(address)),
        _ => is_loopback(url),
    }
}

type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
type Lookup = dyn Fn(String) -> Found + Send + Sync;

/// Resolves names to their public addresses and drops the others.
#[derive(Clone)]
pub(super) struct PublicResolver(Arc<Lookup>);

impl fmt::Debug for PublicResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicResolver")
    }
}

impl Default for PublicResolver {
    fn default() -> Self {
        Self(Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        }))
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            let public = found.into_iter().filter(|address| !special_use(*address));
            let public: Vec<_> = public.map(|ip| SocketAddr::new(ip, 0)).collect();
            if public.is_empty() {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// A name has no public address.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
pub(super) struct PrivateAddress;

impl PrivateAddress {
    /// Whether `error` was caused by it.
    pub(super) fn caused(error: &reqwest::Error) -> bool {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_url_that_shows_a_private_address_is_out_of_public_reach() {
        for (url, permitted) in [
            ("https://a.example/x", true),
            ("https://1.1.1.1/x", true),
            ("https://[2606:4700:4700::1111]/x", true),
            ("https://localhost/x", false),
            ("https://idp.localhost/x", false),
            ("https://127.0.0.1/x", false),
            ("https://127.1/x", false),
            ("https://0x7f.0.0.1/x", false),
            ("https://2130706433/x", false),
            ("https://0.0.0.0/x", false),
            ("https://10.0.0.1/x", false),
            ("https://172.16.0.1/x", false),
            ("https://172.31.255.255/x", false),
            ("https://192.168.1.1/x", false),
            ("https://100.64.0.1/x", false),
            ("https://169.254.169.254/x", false),
            ("https://[::1]/x", false),
            ("https://[fd00::1]/x", false),
            ("https://[fe80::1]/x", false),
            ("https://[::ffff:10.0.0.1]/x", false),
            ("https://[64:ff9b::10.0.0.1]/x", false),
            ("https://[2002:a00:1::]/x", false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(Reach::Public.permits(&parsed), permitted, "{url}");
            assert!(Reach::Anywhere.permits(&parsed), "{url}");
        }
    }

    /// Connections to a listener on this machine that a name resolves to.
    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_never_connected_to() {
        // Fails when it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "10.0.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "fd00::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            let resolver = PublicResolver(Arc::new(move |_| {
                Box::pin(async move { Ok(vec![address]) })
            }));
            let client = reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .timeout(Duration::from_secs(5))
                .dns_resolver(Arc::new(resolver))
                .build()
                .unwrap();
            let url = format!("http://rebinding.example:{port}/");
            let error = client.get(url).send().await.unwrap_err();
            assert!(PrivateAddress::caused(&error), "{address}: {error:?}");
        }
        assert_eq!(hits.load(Ordering::SeqCst), 0);
    }
}
