//! Which addresses may be used, and which belong together.

use std::net::IpAddr;

use url::{Host, Url};

/// The address for people: without user, query and fragment, which may hold secrets.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail for addresses that cannot have a user, which then have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Whether two addresses have scheme, host and port in common.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether the address is this machine's own.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether something secret may be sent there: https, or this very machine, or whatever
/// `--allow-http` takes on itself.
pub(crate) fn usable(url: &Url, allow_http: bool) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.host().is_some()
        && match url.scheme() {
            "https" => true,
            "http" => allow_http || is_loopback(url),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_https_or_stay_on_the_machine() {
        for (url, allowed, with_http) in [
            ("https://a.example/mcp", true, true),
            ("http://a.example/mcp", false, true),
            ("http://localhost:1/", true, true),
            ("http://x.localhost/", true, true),
            ("http://localhost.example/", false, true),
            ("http://127.9.9.9/", true, true),
            ("http://[::1]:9/", true, true),
            ("http://[::ffff:127.0.0.1]/", true, true),
            ("http://[::2]/", false, true),
            ("http://0.0.0.0/", false, true),
            ("https://user@a.example/", false, false),
            ("https://:pw@a.example/", false, false),
            ("ftp://localhost/", false, false),
            ("file:///etc/passwd", false, false),
            ("javascript:alert(1)", false, false),
            ("data:text/html,x", false, false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(usable(&parsed, false), allowed, "{url}");
            assert_eq!(usable(&parsed, true), with_http, "{url}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let url = Url::parse("https://me:pw@a.example/p?token=s#f").unwrap();
        assert_eq!(shown(&url), "https://a.example/p");
    }
}
