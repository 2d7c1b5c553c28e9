//! The URL of a server, as users type it.

use farport_client::Options;
use farport_client::parse_url;

use super::Error;
use crate::terminal::shown_url;

/// Checks the URL of a server.
///
/// # Errors
/// When the URL is invalid. For a URL without a scheme, the error suggests the complete URL.
pub(crate) fn check(text: &str, allow_http: bool) -> Result<(), crate::error::Error> {
    if let Some(meant) = with_scheme(text) {
        return Err(crate::error::Error::Remote(Error::NoScheme {
            url: shown_url(text),
            meant: shown_url(&meant),
        }));
    }
    Options::new(text, allow_http)?;
    Ok(())
}

/// Completes a URL that has no scheme: with http on this machine, with https elsewhere. Returns `None`
/// for any other text.
fn with_scheme(text: &str) -> Option<String> {
    let has_scheme = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if text.contains("://") || has_scheme("http:") || has_scheme("https:") {
        return None;
    }
    let bare = text.trim_start_matches('/');
    // `mailto:someone` has a scheme.
    if let Ok(url) = parse_url(text)
        && !url.path().starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let url = parse_url(&format!("https://{bare}")).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let local = name == "localhost"
        || name.ends_with(".localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback());
    let scheme = if local { "http" } else { "https" };
    Some(format!("{scheme}://{bare}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_completed() {
        for (text, meant) in [
            ("localhost:8787/mcp", Some("http://localhost:8787/mcp")),
            ("localhost/mcp", Some("http://localhost/mcp")),
            ("127.0.0.1:8787/mcp", Some("http://127.0.0.1:8787/mcp")),
            ("[::1]:8787/mcp", Some("http://[::1]:8787/mcp")),
            ("x.localhost:1", Some("http://x.localhost:1")),
            ("mcp.example.com/mcp", Some("https://mcp.example.com/mcp")),
            ("mcp.example.com:8443", Some("https://mcp.example.com:8443")),
            ("//mcp.example.com/mcp", Some("https://mcp.example.com/mcp")),
            ("192.168.1.5:8787/mcp", Some("https://192.168.1.5:8787/mcp")),
            ("https://mcp.example.com", None),
            ("http:localhost", None),
            ("HTTPS:/a", None),
            ("ftp://localhost", None),
            ("mailto:someone@a.example", None),
            ("", None),
        ] {
            assert_eq!(with_scheme(text).as_deref(), meant, "{text}");
            if let Some(meant) = meant {
                let error = check(text, false).unwrap_err();
                let crate::error::Error::Remote(error) = error else {
                    panic!("{text}: {error}");
                };
                assert_eq!(error.hint().unwrap(), format!("did you mean {meant}?"));
            }
        }
        let error = check("a.example/mcp?key=s3cret", false).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}
