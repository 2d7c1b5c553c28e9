//! The proxy of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or
//! lower case.

use farport_oauth::parse_url;
use std::net::IpAddr;

use url::Url;

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// A proxy, and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    /// May hold a user and a password.
    url: String,
    variable: &'static str,
}

impl Proxy {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    /// The proxy for people: without user and password.
    pub(super) fn shown(&self) -> String {
        let parsed = if self.url.contains("://") {
            parse_url(&self.url)
        } else {
            parse_url(&format!("http://{}", self.url))
        };
        match parsed {
            Ok(url) if url.host().is_some() => super::shown(&url),
            _ => "the proxy".to_owned(),
        }
    }
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpAddr, u32),
    /// A name and all names below it.
    Name(String),
}

impl Proxies {
    /// Reads the variables of the process.
    pub(super) fn of_environment() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // A CGI script gets its client's `Proxy` header as HTTP_PROXY.
        if variable("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        let get = |names: [&'static str; 2]| {
            let found = names
                .into_iter()
                .find_map(|name| Some((name, variable(name)?)));
            found.filter(|(_, value)| !value.trim().is_empty())
        };
        let proxy = |names| {
            get(names).map(|(variable, value)| Proxy {
                url: value.trim().to_owned(),
                variable,
            })
        };
        let all = proxy(["ALL_PROXY", "all_proxy"]);
        let exceptions = get(["NO_PROXY", "no_proxy"]).map(|(_, value)| value);
        Self {
            http: proxy(["HTTP_PROXY", "http_proxy"]).or_else(|| all.clone()),
            https: proxy(["HTTPS_PROXY", "https_proxy"]).or(all),
            exceptions: exceptions
                .iter()
                .flat_map(|list| list.split([',', ' ', '\t']))
                .filter_map(Exception::read)
                .collect(),
        }
    }

    /// The proxy that a request to `url` goes through.
    pub(super) fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }?;
        let excepted = self.exceptions.iter().any(|one| one.covers(url));
        (!excepted).then_some(proxy)
    }
}

impl Exception {
    /// Reads `*`, `name`, `.name`, `*.name`, an address or a network, each also with a port.
    fn read(entry: &str) -> Option<Self> {
        let entry = entry.trim().trim_end_matches('.');
        let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
        if entry.is_empty() {
            return None;
        }
        // A bare IPv6 address has colons and no port.
        if let Some(hosts) = Hosts::network(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let hosts = match Hosts::network(host) {
            Some(network) => network,
            None if host == "*" => Hosts::All,
            None => {
                let name = host.trim_start_matches("*.").trim_start_matches('.');
                if name.is_empty() {
                    return None;
                }
                Hosts::Name(name.to_ascii_lowercase())
            }
        };
        Some(Self { hosts, port })
    }

    fn covers(&self, url: &Url) -> bool {
        if self.port.is_some() && self.port != url.port_or_known_default() {
            return false;
        }
        let Some(host) = url.host_str() else {
            return false;
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.');
        match &self.hosts {
            Hosts::All => true,
            Hosts::Network(base, bits) => host
                .parse()
                .is_ok_and(|address| in_network(address, *base, *bits)),
            Hosts::Name(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|above| above.is_empty() || above.ends_with('.')),
        }
    }
}

impl Hosts {
    /// Reads an address or a network such as `10.0.0.0/8`.
    fn network(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self::Network(base, bits))
    }
}

fn in_network(address: IpAddr, base: IpAddr, bits: u32) -> bool {
    match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            let differs = u32::from(address) ^ u32::from(base);
            differs.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            let differs = u128::from(address) ^ u128::from(base);
            differs.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::read(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn no_proxy_takes_names_ports_networks_and_the_star() {
        for (list, url, direct) in [
            ("*", "http://127.0.0.1:1/", true),
            ("*", "https://a.example/", true),
            ("x.example, *", "https://[::1]/", true),
            ("*:8080", "http://a.example:8080/", true),
            ("*:8080", "http://a.example/", false),
            ("a.example", "https://a.example/", true),
            ("a.example", "https://A.EXAMPLE:8443/", true),
            ("a.example", "https://b.a.example/", true),
            ("a.example", "https://ba.example/", false),
            (".a.example", "https://a.example/", true),
            ("*.a.example", "https://b.a.example/", true),
            ("a.example.", "https://a.example./", true),
            ("a.example:443", "https://a.example/", true),
            ("a.example:8443", "https://a.example/", false),
            ("a.example:8443", "https://a.example:8443/", true),
            ("localhost:3000", "http://localhost:3000/", true),
            ("localhost:3000", "http://localhost:3001/", false),
            ("127.0.0.1", "http://127.0.0.1:9/", true),
            ("127.0.0.1:9", "http://127.0.0.1:9/", true),
            ("127.0.0.1:9", "http://127.0.0.1:8/", false),
            ("10.0.0.0/8", "http://10.9.9.9/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("0.0.0.0/0", "http://11.0.0.1/", true),
            ("::1", "http://[::1]:1/", true),
            ("[::1]:1", "http://[::1]:1/", true),
            ("[::1]:2", "http://[::1]:1/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("a.example b.example", "https://b.example/", true),
            ("", "https://a.example/", false),
            (", ,:,.", "https://a.example/", false),
            ("a.example:port", "https://a.example/", false),
        ] {
            let proxies = proxies(&[("ALL_PROXY", "http://proxy:1"), ("NO_PROXY", list)]);
            let url = Url::parse(url).unwrap();
            assert_eq!(proxies.of(&url).is_none(), direct, "{list:?} {url}");
        }
    }

    #[test]
    fn the_proxy_of_a_scheme_comes_before_the_one_for_all() {
        let (plain, secure) = ("http://a.example/", "https://a.example/");
        for (variables, url, expect) in [
            (&[][..], secure, None),
            (&[("HTTPS_PROXY", "p:1")], secure, Some("HTTPS_PROXY")),
            (&[("https_proxy", "p:1")], secure, Some("https_proxy")),
            (&[("HTTPS_PROXY", "p:1")], plain, None),
            (&[("HTTPS_PROXY", " ")], secure, None),
            (
                &[("HTTP_PROXY", "p:1"), ("all_proxy", "p:2")],
                plain,
                Some("HTTP_PROXY"),
            ),
            (
                &[("HTTP_PROXY", "p:1"), ("all_proxy", "p:2")],
                secure,
                Some("all_proxy"),
            ),
            (
                &[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")],
                plain,
                None,
            ),
        ] {
            let proxies = proxies(variables);
            let found = proxies.of(&Url::parse(url).unwrap());
            assert_eq!(found.map(Proxy::variable), expect, "{variables:?} {url}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        for (url, expect) in [
            (
                "http://me:seeded@proxy.example:3128",
                "http://proxy.example:3128/",
            ),
            ("me:seeded@proxy.example:3128", "http://proxy.example:3128/"),
            ("::::", "the proxy"),
        ] {
            let proxies = proxies(&[("ALL_PROXY", url)]);
            let found = proxies
                .of(&Url::parse("https://a.example").unwrap())
                .unwrap();
            assert_eq!(found.shown(), expect);
        }
    }
}
