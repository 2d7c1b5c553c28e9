//! Addresses that a URL from an untrusted party must not lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address has a special use (RFC 6890 and its registries): loopback, private networks,
/// link-local, multicast, documentation and the like. An IPv6 address that stands for an IPv4 address
/// counts like that one.
pub fn special_use(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 175, 48)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    )
}

/// Only 2000::/3 is allocated as global unicast, and parts of it have special uses.
fn special_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [a, b, c, d, e, f, g, h] = segments;
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b) {
        // IPv4-mapped and NAT64 addresses lead to the IPv4 address.
        (0, 0) if (c, d, e) == (0, 0, 0) && f == 0xffff => special_v4(v4(g, h)),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => special_v4(v4(g, h)),
        // 6to4, Teredo, benchmarking, ORCHID, documentation, and ranges that the IETF reserves.
        (0x2002, _) => true,
        (0x2001, 0..=0x1ff) => true,
        (0x2001, 0x0db8) => true,
        (0x2620, 0x4f) if c == 0x8000 => true,
        (0x3fff, 0..=0xfff) => true,
        (0x2000..=0x3fff, _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_not_special() {
        for (address, special) in [
            ("1.1.1.1", false),
            ("93.184.216.34", false),
            ("172.32.0.1", false),
            ("100.128.0.1", false),
            ("2606:4700:4700::1111", false),
            ("2a00:1450:4001:81b::200e", false),
            ("::ffff:1.1.1.1", false),
            ("64:ff9b::1.1.1.1", false),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("10.0.0.1", true),
            ("100.64.0.1", true),
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("169.254.169.254", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.0.0.1", true),
            ("192.0.2.1", true),
            ("192.88.99.1", true),
            ("192.168.1.1", true),
            ("198.18.0.1", true),
            ("198.51.100.1", true),
            ("203.0.113.1", true),
            ("224.0.0.1", true),
            ("240.0.0.1", true),
            ("255.255.255.255", true),
            ("::", true),
            ("::1", true),
            ("::127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::10.0.0.1", true),
            ("64:ff9b:1::1.1.1.1", true),
            ("100::1", true),
            ("2001::1", true),
            ("2001:db8::1", true),
            ("2002:7f00:1::1", true),
            ("2002:101:101::1", true),
            ("3fff::1", true),
            ("fc00::1", true),
            ("fd12:3456::1", true),
            ("fe80::1", true),
            ("fec0::1", true),
            ("ff02::1", true),
        ] {
            let read: IpAddr = address.parse().expect("an address");
            assert_eq!(special_use(read), special, "{address}");
        }
    }
}
