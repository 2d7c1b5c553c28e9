//! Settings that have the right type, but an invalid value.

use farport_oauth::parse_url;
use http::uri::Authority;
use url::Url;

use super::Settings;
use crate::{error::Error, host_error::HostError};

impl Settings {
    /// Refuses values that the server would otherwise ignore, or that would fail at the first client's
    /// request.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(url) = &self.public_url {
            check_public_url(url).map_err(|why| bad("public_url", url, why))?;
        }
        for host in &self.allowed_hosts {
            check_host(host).map_err(|why| bad("allowed_hosts", host, why))?;
        }
        for origin in &self.allowed_origins {
            check_origin(origin).map_err(|why| bad("allowed_origins", origin, why))?;
        }
        Ok(())
    }
}

fn bad(name: &'static str, value: &str, why: String) -> Error {
    HostError::Setting {
        name,
        value: value.to_owned(),
        why,
    }
    .into()
}

fn check_public_url(text: &str) -> Result<(), String> {
    const LIKE: &str = "write it like https://mcp.example.com";
    let url = match parse_url(text) {
        Ok(url) if text.contains("://") => url,
        _ if !text.contains("://") => {
            return Err(format!(
                "the scheme is missing; did you mean `https://{text}`?"
            ));
        }
        Ok(_) => return Err(LIKE.to_owned()),
        Err(error) => return Err(format!("{error}; {LIKE}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme is neither https nor http; {LIKE}"));
    }
    if url.host().is_none() {
        return Err(format!("the host is missing; {LIKE}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must not contain a query or a fragment".to_owned());
    }
    let prefix = farport_http::prefix(text);
    if farport_http::collides(prefix) {
        return Err(format!(
            "`{prefix}` is a path of the server itself, and clients add it to public_url; leave it out"
        ));
    }
    Ok(())
}

fn check_host(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    if let Ok(url) = parse_url(text)
        && text.contains("://")
        && let Some(host) = url.host()
    {
        let port = url.port().map(|port| format!(":{port}"));
        let name = format!("{host}{}", port.unwrap_or_default());
        return Err(format!("a host is not a URL; did you mean `{name}`?"));
    }
    if text.contains('*') {
        return Err(
            "`*` stands for every host and cannot be part of a name; list each host".to_owned(),
        );
    }
    let plain = !text.contains(['/', '@', '?', '#']) && !text.ends_with(':');
    let bare_ipv6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    if bare_ipv6 {
        return Err(format!("an IPv6 address needs brackets: `[{text}]`"));
    }
    match text.parse::<Authority>() {
        Ok(authority)
            if plain
                && !authority.host().is_empty()
                && (text.len() == authority.host().len() || authority.port_u16().is_some()) =>
        {
            Ok(())
        }
        _ => Err("write a host like `mcp.example.com` or `mcp.example.com:8443`".to_owned()),
    }
}

fn check_origin(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    let likely = |url: &Url| url.origin().ascii_serialization();
    match parse_url(text) {
        Ok(url) if text.contains("://") => {
            let bare = url.path().is_empty() || url.path() == "/";
            let more = url.query().is_some() || url.fragment().is_some();
            let user = !url.username().is_empty() || url.password().is_some();
            if url.host_str().is_none_or(str::is_empty) {
                Err("the host is missing; write it like https://app.example.com".to_owned())
            } else if text.contains('*') {
                Err(
                    "`*` stands for every origin and cannot be part of one; list each origin"
                        .to_owned(),
                )
            } else if user || more || !bare {
                Err(format!(
                    "an origin ends after the host or port; did you mean `{}`?",
                    likely(&url)
                ))
            } else {
                Ok(())
            }
        }
        _ => Err(format!(
            "the scheme is missing; did you mean `https://{text}`?"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        set(&mut settings);
        settings
    }

    #[test]
    fn an_invalid_value_is_an_error() {
        for (name, values) in [
            (
                "public_url",
                &[
                    ("https://mcp.example.com", None),
                    ("https://mcp.example.com/", None),
                    ("https://example.com/mcp-server", None),
                    ("https://example.com/mcp/github/", None),
                    ("https://example.com/mcp", Some("leave it out")),
                    ("http://localhost:8787", None),
                    (
                        "mcp.example.com",
                        Some("did you mean `https://mcp.example.com`?"),
                    ),
                    ("localhost:8787", Some("scheme")),
                    ("ftp://example.com", Some("neither https nor http")),
                    ("https://", Some("example.com")),
                    ("https://a b", Some("https://mcp.example.com")),
                    ("https://u:p@example.com", Some("password")),
                    ("https://example.com?x", Some("query")),
                    ("", Some("scheme")),
                ][..],
            ),
            (
                "allowed_hosts",
                &[
                    ("*", None),
                    ("example.com", None),
                    ("example.com:8443", None),
                    ("192.168.1.1", None),
                    ("[::1]:80", None),
                    ("https://example.com", Some("did you mean `example.com`?")),
                    (
                        "https://example.com:8443/x",
                        Some("did you mean `example.com:8443`?"),
                    ),
                    ("*.example.com", Some("cannot be part")),
                    ("example.com/", Some("write a host")),
                    ("example.com:x", Some("write a host")),
                    ("example.com:", Some("write a host")),
                    ("a b", Some("write a host")),
                    ("", Some("write a host")),
                    ("::1", Some("`[::1]`")),
                ],
            ),
            (
                "allowed_origins",
                &[
                    ("*", None),
                    ("https://app.example.com", None),
                    ("https://app.example.com/", None),
                    ("vscode-webview://abc", None),
                    (
                        "app.example.com",
                        Some("did you mean `https://app.example.com`?"),
                    ),
                    (
                        "https://app.example.com/x",
                        Some("did you mean `https://app.example.com`?"),
                    ),
                    ("https://*.example.com", Some("cannot be part")),
                ],
            ),
        ] {
            for (value, says) in values {
                let value = (*value).to_owned();
                let settings = with(|settings| match name {
                    "public_url" => settings.public_url = Some(value.clone()),
                    "allowed_hosts" => settings.allowed_hosts = vec![value.clone()],
                    _ => settings.allowed_origins = vec![value.clone()],
                });
                match (settings.check(), says) {
                    (Ok(()), None) => {}
                    (Err(error), Some(says)) => {
                        let said = error.to_string();
                        assert!(said.contains(name) && said.contains(says), "{said}");
                    }
                    (result, _) => panic!("{name} {value:?}: {result:?}"),
                }
            }
        }
    }
}
