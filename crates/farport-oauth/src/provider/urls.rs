//! URLs in a provider's settings and metadata.

use serde_json::{Map, Value};
use url::{Host, Url};

use super::InvalidSettings;

/// Reads a URL that secrets and users are sent to: https, or http on this machine.
pub(crate) fn endpoint(what: &str, text: &str) -> Result<Url, InvalidSettings> {
    let url = Url::parse(text)
        .map_err(|error| InvalidSettings(format!("{what} is not a URL: {error}: {text}")))?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !secure || url.host().is_none() {
        return Err(InvalidSettings(format!(
            "{what} has to be an https URL (http only for localhost): {text}"
        )));
    }
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !plain {
        return Err(InvalidSettings(format!(
            "{what} may have neither user name nor fragment: {text}"
        )));
    }
    Ok(url)
}

/// The endpoint that `issuer`'s metadata name as `name`, if they do. It is no less secure than the
/// issuer is.
pub(crate) fn endpoint_of(
    members: &Map<String, Value>,
    issuer: &str,
    name: &str,
) -> Result<Option<Url>, String> {
    let Some(text) = members.get(name).and_then(Value::as_str) else {
        return Ok(None);
    };
    let url = endpoint(name, text).map_err(|error| error.0)?;
    if issuer.starts_with("https:") && url.scheme() != "https" {
        return Err(format!("{name} is not https, although the issuer is"));
    }
    Ok(Some(url))
}

/// Whether it is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `base` with `path` below it.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    let start = base.path().trim_end_matches('/');
    url.set_path(&format!("{start}/{path}"));
    url
}

/// `base` as an identifier: without a slash at its end.
pub(crate) fn identifier(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

/// The issuer at a domain, which may be written as a URL already.
pub(crate) fn of_domain(domain: &str) -> String {
    let domain = domain.trim_end_matches('/');
    match domain.contains("://") {
        true => domain.to_owned(),
        false => format!("https://{domain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
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
    fn paths_are_added_to_what_is_there() {
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
