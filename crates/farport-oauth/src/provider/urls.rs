//! URLs in settings and metadata.

use url::{Host, Url};

use super::InvalidSettings;
use crate::{client::ServerMetadata, parse_url};

/// Parses a URL that receives secrets or users: https, or http on localhost.
pub(crate) fn endpoint(what: &str, text: &str) -> Result<Url, InvalidSettings> {
    let url = parse_url(text)
        .map_err(|error| InvalidSettings(format!("{what} is not a URL: {error}: {text}")))?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !secure || url.host().is_none() {
        return Err(InvalidSettings(format!(
            "{what} must be an https URL (http only for localhost): {text}"
        )));
    }
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !plain {
        return Err(InvalidSettings(format!(
            "{what} must not contain a user name or a fragment: {text}"
        )));
    }
    Ok(url)
}

/// Checks an endpoint of `metadata`. It has to be https if the issuer is.
pub(crate) fn checked(
    metadata: &ServerMetadata,
    name: &str,
    url: Option<&Url>,
) -> Result<Option<Url>, String> {
    if metadata.malformed.contains(&name) {
        return Err(format!("{name} is not a URL"));
    }
    let Some(url) = url else {
        return Ok(None);
    };
    let url = endpoint(name, url.as_str()).map_err(|error| error.0)?;
    if metadata.issuer.starts_with("https:") && url.scheme() != "https" {
        return Err(format!("{name} is not https, although the issuer is"));
    }
    Ok(Some(url))
}

/// The default display name of the provider at `url`: its host. Several providers can run on
/// localhost, so there it is the URL without the scheme.
pub(crate) fn display_name(url: &Url) -> String {
    if !is_loopback(url) {
        return url.host_str().unwrap_or_default().to_owned();
    }
    let text = url.as_str().trim_end_matches('/');
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    text.chars().take(80).collect()
}

/// Whether the host of a URL is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Appends `path` to the path of `base`.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    let start = base.path().trim_end_matches('/');
    url.set_path(&format!("{start}/{path}"));
    url
}

/// `base` as an identifier, without a slash at the end.
pub(crate) fn identifier(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

/// The issuer at a domain, or `domain` itself if it is a URL already.
pub(crate) fn of_domain(domain: &str) -> String {
    let domain = domain.trim_end_matches('/');
    if domain.contains("://") {
        domain.to_owned()
    } else {
        format!("https://{domain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_or_on_localhost() {
        for (text, good) in [
            ("https://issuer.example", true),
            ("https://issuer.example/realms/a?x=y", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://idp.localhost/", true),
            ("http://issuer.example", false),
            ("http://localhost.example/", false),
            ("http://192.168.0.1/", false),
            ("https://user@issuer.example", false),
            ("https://:pw@issuer.example", false),
            ("https://issuer.example/#a", false),
            ("ftp://issuer.example", false),
            ("javascript:alert(1)", false),
            ("issuer.example", false),
            ("", false),
        ] {
            assert_eq!(endpoint("it", text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn the_default_display_name_is_the_host() {
        for (url, expect) in [
            ("https://login.example.com/tenant", "login.example.com"),
            ("https://login.example.com:8443", "login.example.com"),
            (
                "http://localhost:9000/realms/demo",
                "localhost:9000/realms/demo",
            ),
            ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
            ("http://[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(display_name(&Url::parse(url).unwrap()), expect);
        }
    }

    #[test]
    fn paths_are_appended() {
        for (base, expect) in [
            ("https://a.example", "https://a.example/b/c"),
            ("https://a.example/", "https://a.example/b/c"),
            ("https://a.example/x", "https://a.example/x/b/c"),
            ("https://a.example/x/?q=1", "https://a.example/x/b/c"),
        ] {
            let base = Url::parse(base).unwrap();
            assert_eq!(below(&base, "b/c").as_str(), expect);
        }
    }
}
