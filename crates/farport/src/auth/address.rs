//! Where a request comes from.

use std::net::IpAddr;

use http::HeaderMap;

/// The address of the client, by which some requests are counted. Behind a proxy it is the last
/// that stands in `X-Forwarded-For`, which is the one that the proxy has written.
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
    last.and_then(|last| last.trim().parse().ok())
        .or(Some(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_writes_itself_is_not_believed() {
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        for (values, behind_proxy, expect) in [
            (&[][..], false, "192.0.2.1"),
            (&["203.0.113.9"], false, "192.0.2.1"),
            (&[], true, "192.0.2.1"),
            (&["203.0.113.9"], true, "203.0.113.9"),
            (&["10.0.0.1, 203.0.113.9"], true, "203.0.113.9"),
            (&["10.0.0.1", "2001:db8::1"], true, "2001:db8::1"),
            (&["nonsense"], true, "192.0.2.1"),
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
