//! The text that a server prints once it is ready.

use std::{fmt, net::SocketAddr};

/// The URLs of a server, for people.
///
/// Displays `Ready on` with the URL of each endpoint, and the public URL if there is one.
#[derive(Clone, Debug)]
pub struct Announcement {
    origin: String,
    public_url: Option<String>,
}

impl Announcement {
    /// The endpoints of a server that listens on `address`.
    pub fn new(address: SocketAddr) -> Self {
        let port = address.port();
        // Clients cannot connect to the unspecified address. They can connect to localhost.
        let origin = if address.ip().is_loopback() || address.ip().is_unspecified() {
            format!("http://localhost:{port}")
        } else {
            format!("http://{address}")
        };
        Self {
            origin,
            public_url: None,
        }
    }

    /// Adds the URL that clients use.
    #[must_use]
    pub fn public_url(mut self, url: Option<&str>) -> Self {
        self.public_url = url.map(|url| url.trim_end_matches('/').to_owned());
        self
    }

    /// The streamable HTTP endpoint.
    pub fn mcp(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// The HTTP+SSE endpoint.
    pub fn sse(&self) -> String {
        format!("{}/sse", self.origin)
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Ready on {}  (streamable HTTP)", self.mcp())?;
        write!(f, "     and {}  (HTTP+SSE, for older clients)", self.sse())?;
        if let Some(url) = &self.public_url {
            write!(f, "\nClients use {url}/mcp")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_are_named() {
        for (address, mcp) in [
            ("127.0.0.1:8787", "http://localhost:8787/mcp"),
            ("[::1]:1", "http://localhost:1/mcp"),
            ("0.0.0.0:80", "http://localhost:80/mcp"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080/mcp"),
            ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080/mcp"),
        ] {
            let said = Announcement::new(address.parse().unwrap());
            assert_eq!(said.mcp(), mcp);
            assert!(said.to_string().starts_with("Ready on "));
            let said = said
                .public_url(Some("https://example.com/tools/"))
                .to_string();
            assert!(
                said.ends_with("\nClients use https://example.com/tools/mcp"),
                "{said}"
            );
        }
    }
}
