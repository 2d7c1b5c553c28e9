//! Checks Host and Origin headers, against DNS rebinding.
//!
//! A web page can resolve its own name to the server's address. Its requests still have that name as
//! Host, and the page's Origin. So the guard checks both on every route (MCP, "Security Warning"; a MUST
//! for Origin).

use http::{HeaderMap, Uri, header, uri::Authority};

use crate::refusal::Refusal;

/// The allowed Host and Origin headers.
///
/// Loopback names (`localhost`, `127.0.0.1`, `[::1]`) are always allowed as Host, on any port, and as
/// Origin of requests to a loopback name. An Origin equal to the request's Host is allowed too. All
/// others must be listed; `*` allows everything.
///
/// ```
/// use farport_http::Guard;
///
/// let guard = Guard::default()
///     .allow_hosts(["mcp.example.com"])
///     .allow_origins(["https://app.example.com"]);
/// ```
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
    /// Allows these hosts in addition to loopback: `example.com` on any port, `example.com:8443` only on
    /// that port.
    #[must_use]
    pub fn allow_hosts<S: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts.extend(
            hosts
                .into_iter()
                .map(|host| Name::of_setting(host.as_ref())),
        );
        self
    }

    /// Allows these origins in addition to loopback, for example `https://app.example.com`, with a port
    /// if it is not the scheme's default.
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
        if origins.next().is_some() {
            return Err(Refusal::Origin(
                "Origin is not allowed: the request has more than one".into(),
            ));
        }
        match origin.to_str() {
            Ok(origin) if self.allows_origin(origin, &host) => Ok(()),
            _ => Err(refused_origin(origin)),
        }
    }

    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Name, Refusal> {
        let mut sent = headers.get_all(header::HOST).iter();
        let (named, name) = match (sent.next(), sent.next(), uri.authority()) {
            (Some(host), None, target) => {
                let named = host.to_str().ok().and_then(Name::parse);
                // The target's host has priority over Host, so both must be equal (RFC 9112, 3.2.2).
                let named = named.filter(|named| {
                    target.is_none_or(|t| Name::parse(t.as_str()).as_ref() == Some(named))
                });
                (host.as_bytes(), named)
            }
            (None, _, Some(authority)) => (
                authority.as_str().as_bytes(),
                Name::parse(authority.as_str()),
            ),
            (first, ..) => {
                let which = match first {
                    Some(_) => "the request has more than one",
                    None => "the request has none",
                };
                return Err(Refusal::Host(
                    format!("Host is not allowed: {which}").into(),
                ));
            }
        };
        let Some(name) = name else {
            let named = shown(named);
            let text =
                format!("Host {named} is not allowed: it is not a name with an optional port");
            return Err(Refusal::Host(text.into()));
        };
        let listed = self.hosts.iter().any(|listed| {
            listed.host == ANY
                || (listed.host == name.host
                    && listed.port.is_none_or(|port| name.port == Some(port)))
        });
        if listed || is_loopback(&name.host) {
            return Ok(name);
        }
        let named = shown(named);
        let text = format!(
            "Host {named} is not allowed: to serve it, add it to allowed_hosts \
             (FARPORT_ALLOWED_HOSTS) or set public_url (FARPORT_PUBLIC_URL)"
        );
        Err(Refusal::Host(text.into()))
    }

    fn allows_origin(&self, origin: &str, host: &Name) -> bool {
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
            // A page from this machine may only call a server by a loopback name.
            return is_loopback(&host.host);
        }
        let port = Some(name.port.unwrap_or(default));
        name.host == host.host && (host.port.or(Some(default)) == port)
    }
}

impl Name {
    /// Parses `host` or `host:port`, without user information, path and spaces.
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if text.contains('@') {
            return None;
        }
        // The parser accepts any text after the colon as a port.
        let port = match text.strip_prefix(authority.host())? {
            "" => None,
            port => Some(read_port(port.strip_prefix(':')?.as_bytes())?),
        };
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self { host, port })
    }

    fn of_setting(text: &str) -> Self {
        // A text that does not parse matches no host, except `*`.
        Self::parse(text).unwrap_or_else(|| Self {
            host: text.to_ascii_lowercase(),
            port: None,
        })
    }
}

/// Parses a port: only digits, within the range.
fn read_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    digits.iter().try_fold(0u16, |port, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        port.checked_mul(10)?.checked_add(digit)
    })
}

/// The maximum number of characters of a refused header in messages.
const MOST_SHOWN: usize = 100;

/// Formats a client's text for the response and the log: quoted, short, and only printable ASCII.
fn shown(text: &[u8]) -> String {
    let plain = |byte: &u8| match byte {
        b'"' | b'\\' => '?',
        byte if byte.is_ascii_graphic() || *byte == b' ' => char::from(*byte),
        _ => '?',
    };
    let mut shown: String = text.iter().take(MOST_SHOWN).map(plain).collect();
    if text.len() > MOST_SHOWN {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

fn refused_origin(origin: &http::HeaderValue) -> Refusal {
    let named = shown(origin.as_bytes());
    let text = format!(
        "Origin {named} is not allowed: to let its pages call this server, add it to \
         allowed_origins (FARPORT_ALLOWED_ORIGINS)"
    );
    Refusal::Origin(text.into())
}

/// Reports whether the single Host header is a loopback name. Handles the common case without a parser.
fn names_loopback(headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (sent.next(), sent.next()) else {
        return false;
    };
    let host = host.as_bytes();
    let end = host.iter().rposition(|byte| !byte.is_ascii_digit());
    let name = match end.map(|end| host.split_at(end)) {
        Some((name, [b':', port @ ..])) if read_port(port).is_some() => name,
        _ => host,
    };
    matches!(name, b"localhost" | b"127.0.0.1" | b"[::1]")
}

/// Reports whether a Host header names this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    Name::parse(host).is_some_and(|name| is_loopback(&name.host))
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
    fn only_loopback_and_listed_names_are_allowed() {
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
            (&plain, "localhost:x", None, false),
            (&plain, "localhost:80x", None, false),
            (&plain, "localhost:x80", None, false),
            (&plain, "localhost:+80", None, false),
            (&plain, "localhost:-80", None, false),
            (&plain, "localhost:65535", None, true),
            (&plain, "localhost:65536", None, false),
            (&plain, "localhost:000080", None, false),
            (&plain, "localhost:80:80", None, false),
            (&plain, "127.0.0.1:http", None, false),
            (&plain, "[::1]:x", None, false),
            (&plain, "[::1]x", None, false),
            (&plain, "[::1", None, false),
            (&plain, "::1", None, false),
            (&plain, "localhost:8787", Some("http://localhost:x"), false),
            (&listed, "mcp.example.com:x", None, false),
            (&open, "anything.example:x", None, false),
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
