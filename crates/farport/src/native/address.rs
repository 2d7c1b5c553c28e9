//! The client's address of a request.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Returns the client's address. Behind a proxy, it is the last one in `X-Forwarded-For`, which the proxy
/// wrote.
pub(crate) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    behind_proxy: bool,
) -> Option<IpAddr> {
    if !behind_proxy {
        return Some(peer);
    }
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.and_then(read_address).or(Some(peer))
}

/// Reads an address as proxies write it: plain, in brackets, or with a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_client_wrote_is_ignored() {
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        for (values, behind_proxy, expect) in [
            (&[][..], false, "192.0.2.1"),
            (&["203.0.113.9"], false, "192.0.2.1"),
            (&[], true, "192.0.2.1"),
            (&["203.0.113.9"], true, "203.0.113.9"),
            (&["10.0.0.1, 203.0.113.9"], true, "203.0.113.9"),
            (&["10.0.0.1", "2001:db8::1"], true, "2001:db8::1"),
            (&["203.0.113.9:567"], true, "203.0.113.9"),
            (&["10.0.0.1:1, 203.0.113.9:567"], true, "203.0.113.9"),
            (&["[2001:db8::1]:80"], true, "2001:db8::1"),
            (&["[2001:db8::1]"], true, "2001:db8::1"),
            (&["\"[2001:db8::1]:80\""], true, "2001:db8::1"),
            (&["[::1]:80"], true, "::1"),
            (&["nonsense"], true, "192.0.2.1"),
            (&["203.0.113.9:port"], true, "192.0.2.1"),
            (&["203.0.113.9:99999"], true, "192.0.2.1"),
            (&["[203.0.113.9]"], true, "192.0.2.1"),
            (&["203.0.113.9, "], true, "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let address = client_address(peer, &headers, behind_proxy);
            assert_eq!(address, Some(expect.parse().unwrap()), "{values:?}");
        }
    }
}
