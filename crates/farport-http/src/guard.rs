//! Which Host and Origin headers are let in.
//!
//! A web page that resolves its own name to the server's address (DNS rebinding) still sends that
//! name as Host, and its own Origin; checking both on every route is what keeps it out
//! (MCP, "Security Warning"; a MUST for Origin).

use http::{HeaderMap, Uri, header, uri::Authority};

use crate::refusal::Refusal;

/// The lists of names that are let in.
///
/// Loopback names (`localhost`, `127.0.0.1`, `[::1]`) are always let in as Host on any port, and
/// as Origin from any port. An Origin that names the very host the request was sent to is let in
/// too. All else has to be listed; `*` lists everything.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    hosts: Vec<Name>,
    origins: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    host: String,
    port: Option<u16>,
}

const ANY: &str = "*";

impl Guard {
    /// Lets in these hosts besides loopback: `example.com` on any port, `example.com:8443` on that
    /// one.
    #[must_use]
    pub fn allow_hosts<S: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts.extend(
            hosts
                .into_iter()
                .map(|host| Name::of_setting(host.as_ref())),
        );
        self
    }

    /// Lets in these origins besides loopback's: `https://app.example.com`, with its port if that
    /// is not the scheme's own.
    #[must_use]
    pub fn allow_origins<S: AsRef<str>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        let origins = origins.into_iter();
        self.origins
            .extend(origins.map(|o| o.as_ref().trim_end_matches('/').to_ascii_lowercase()));
        self
    }

    /// Checks a request's Host and Origin.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let plain = uri.authority().is_none() && !headers.contains_key(header::ORIGIN);
        if plain && names_loopback(headers) {
            return Ok(());
        }
        let host = self.host(uri, headers)?;
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let origin = origin.to_str().ok().filter(|_| origins.next().is_none());
        let origin = origin.ok_or(Refusal::Origin)?;
        if self.lets_in(origin, &host) {
            Ok(())
        } else {
            Err(Refusal::Origin)
        }
    }

    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Name, Refusal> {
        let mut sent = headers.get_all(header::HOST).iter();
        let name = match (sent.next(), sent.next(), uri.authority()) {
            (Some(host), None, target) => {
                let named = host.to_str().ok().and_then(Name::parse);
                // A target that names another host would be the one that counts (RFC 9112, 3.2.2).
                named.filter(|named| {
                    target.is_none_or(|t| Name::parse(t.as_str()).as_ref() == Some(named))
                })
            }
            (None, _, Some(authority)) => Name::parse(authority.as_str()),
            _ => None,
        };
        let name = name.ok_or(Refusal::Host)?;
        let listed = self.hosts.iter().any(|listed| {
            listed.host == ANY
                || (listed.host == name.host
                    && listed.port.is_none_or(|port| name.port == Some(port)))
        });
        if listed || is_loopback(&name.host) {
            Ok(name)
        } else {
            Err(Refusal::Host)
        }
    }

    fn lets_in(&self, origin: &str, host: &Name) -> bool {
        if self
            .origins
            .iter()
            .any(|listed| listed == ANY || listed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        let parsed = origin.split_once("://").and_then(|(scheme, rest)| {
            let default = match scheme {
                "http" => 80,
                "https" => 443,
                _ => return None,
            };
            Name::parse(rest).map(|name| (name, default))
        });
        let Some((name, default)) = parsed else {
            return false;
        };
        if is_loopback(&name.host) {
            // A page from this machine may only speak to a server that was called by a local name.
            return is_loopback(&host.host);
        }
        let port = Some(name.port.unwrap_or(default));
        name.host == host.host && (host.port.or(Some(default)) == port)
    }
}

impl Name {
    /// Reads `host` or `host:port`; nothing with user information, a path or spaces.
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if text.contains('@') || text.is_empty() {
            return None;
        }
        let port = match authority.port() {
            Some(port) => Some(port.as_u16()),
            None if text.ends_with(':') => return None,
            None => None,
        };
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self { host, port })
    }

    fn of_setting(text: &str) -> Self {
        // What does not parse is compared as it is, and so lets nothing in but `*`.
        Self::parse(text).unwrap_or_else(|| Self {
            host: text.to_ascii_lowercase(),
            port: None,
        })
    }
}

/// Whether the one Host header plainly names this machine: the common case, told without a parser.
fn names_loopback(headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (sent.next(), sent.next()) else {
        return false;
    };
    let host = host.as_bytes();
    let end = host.iter().rposition(|byte| !byte.is_ascii_digit());
    let name = match end.map(|end| host.split_at(end)) {
        Some((name, [b':', _, ..])) => name,
        _ => host,
    };
    matches!(name, b"localhost" | b"127.0.0.1" | b"[::1]")
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn verdict(guard: &Guard, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        guard.check(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn only_loopback_and_listed_names_get_in() {
        let plain = Guard::default();
        let listed = Guard::default()
            .allow_hosts(["mcp.example.com", "other.example:8443"])
            .allow_origins(["https://app.example.com", "http://dev.example:3000/"]);
        let open = Guard::default().allow_hosts(["*"]).allow_origins(["*"]);
        for (guard, host, origin, expect) in [
            (&plain, "localhost:8787", None, true),
            (&plain, "LOCALHOST", None, true),
            (&plain, "127.0.0.1:1", None, true),
            (&plain, "[::1]:8787", None, true),
            (&plain, "evil.com", None, false),
            (&plain, "localhost.evil.com", None, false),
            (&plain, "localhost@evil.com", None, false),
            (&plain, "evil.com@localhost", None, false),
            (&plain, "127.0.0.1.nip.io", None, false),
            (&plain, "", None, false),
            (&plain, "localhost:", None, false),
            (
                &plain,
                "localhost:8787",
                Some("http://localhost:6274"),
                true,
            ),
            (&plain, "localhost:8787", Some("http://127.0.0.1:1"), true),
            (&plain, "localhost:8787", Some("https://evil.com"), false),
            (
                &plain,
                "localhost:8787",
                Some("http://localhost.evil.com"),
                false,
            ),
            (
                &plain,
                "localhost:8787",
                Some("http://evil.com#localhost"),
                false,
            ),
            (&plain, "localhost:8787", Some("null"), false),
            (&plain, "localhost:8787", Some("file://localhost"), false),
            (&plain, "localhost:8787", Some(""), false),
            (&listed, "mcp.example.com", None, true),
            (&listed, "mcp.example.com:99", None, true),
            (&listed, "other.example:8443", None, true),
            (&listed, "other.example", None, false),
            (
                &listed,
                "mcp.example.com",
                Some("https://app.example.com"),
                true,
            ),
            (
                &listed,
                "mcp.example.com",
                Some("https://APP.example.com"),
                true,
            ),
            (
                &listed,
                "mcp.example.com",
                Some("http://dev.example:3000"),
                true,
            ),
            (
                &listed,
                "mcp.example.com",
                Some("http://app.example.com"),
                false,
            ),
            (
                &listed,
                "mcp.example.com",
                Some("https://mcp.example.com"),
                true,
            ),
            (
                &listed,
                "mcp.example.com:8443",
                Some("https://mcp.example.com"),
                false,
            ),
            (
                &listed,
                "mcp.example.com",
                Some("http://localhost:3000"),
                false,
            ),
            (&open, "anything.example", Some("https://any.where"), true),
        ] {
            assert_eq!(verdict(guard, host, origin), expect, "{host} {origin:?}");
        }
    }

    #[test]
    fn two_hosts_or_two_origins_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        let uri = Uri::from_static("/mcp");
        assert!(Guard::default().check(&uri, &headers).is_ok());
        headers.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        assert!(Guard::default().check(&uri, &headers).is_err());
        headers.remove(header::ORIGIN);
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(Guard::default().check(&uri, &headers).is_err());
    }
}
