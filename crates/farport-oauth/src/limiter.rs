//! Rate limits.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use quick_cache::unsync::Cache;

use crate::UnixTime;

/// A rate: `burst` requests at once, then `per_minute` requests per minute.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The number of requests at once.
    pub burst: u32,
    /// The number of requests per minute in the long run.
    pub per_minute: u32,
}

/// A rate limiter with a token bucket per key. It keeps a bounded number of keys; the least recently
/// used keys are dropped and start with a full bucket again.
pub struct Limiter<K> {
    rate: Rate,
    buckets: Mutex<Cache<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Remaining requests, in sixtieths.
    left: u64,
    at: UnixTime,
}

/// The most keys with a bucket.
const MOST_KEYS: usize = 10_000;

impl<K> std::fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl<K: std::hash::Hash + Eq + Clone> Limiter<K> {
    /// Creates a limiter with this rate for each key.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::new(Cache::new(MOST_KEYS)),
        }
    }

    /// Counts a request for `key`.
    ///
    /// # Errors
    /// When the limit is reached: the seconds to wait before a retry.
    pub fn admit(&self, key: &K, now: UnixTime) -> Result<(), u64> {
        let full = u64::from(self.rate.burst) * 60;
        let gain = u64::from(self.rate.per_minute);
        let mut buckets = self
            .buckets
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = buckets.get(key).copied();
        let mut bucket = known.unwrap_or(Bucket {
            left: full,
            at: now,
        });
        let passed = bucket.at.until(now).as_secs();
        bucket.left = full.min(bucket.left.saturating_add(passed.saturating_mul(gain)));
        bucket.at = bucket.at.max(now);
        let admitted = if bucket.left >= 60 {
            bucket.left -= 60;
            Ok(())
        } else {
            Err((60 - bucket.left).div_ceil(gain.max(1)).max(1))
        };
        buckets.insert(key.clone(), bucket);
        admitted
    }
}

/// A rate limiter per network.
///
/// An IPv6 address counts toward its /64, which belongs to one subscriber, and toward its /48, which
/// one site can own. A limit per /64 alone would let that site send 65,536 times as many requests.
#[derive(Debug)]
pub struct AddressLimiter {
    networks: Limiter<IpAddr>,
    sites: Limiter<IpAddr>,
}

/// How many times the rate of a /64 its /48 may use.
const SITE_SHARE: u32 = 8;

impl AddressLimiter {
    /// Creates a limiter with this rate for each network.
    pub fn new(rate: Rate) -> Self {
        let site = Rate {
            burst: rate.burst.saturating_mul(SITE_SHARE),
            per_minute: rate.per_minute.saturating_mul(SITE_SHARE),
        };
        Self {
            networks: Limiter::new(rate),
            sites: Limiter::new(site),
        }
    }

    /// Counts a request from `address`.
    ///
    /// # Errors
    /// When the limit is reached: the seconds to wait before a retry.
    pub fn admit(&self, address: &IpAddr, now: UnixTime) -> Result<(), u64> {
        self.networks.admit(&network(*address), now)?;
        match prefix(*address, 48) {
            IpAddr::V4(_) => Ok(()),
            site @ IpAddr::V6(_) => self.sites.admit(&site, now),
        }
    }
}

/// The network that an address counts toward: an IPv4 address itself, or the /64 of an IPv6 address,
/// in which one subscriber can use any address.
pub fn network(address: IpAddr) -> IpAddr {
    prefix(address, 64)
}

/// An IPv4 address itself, or the first `bits` of an IPv6 address.
fn prefix(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// The share of an anonymous client: its network, or one share for all unknown addresses.
pub(crate) fn share(address: Option<IpAddr>) -> Arc<str> {
    match address {
        Some(address) => format!("net {}", network(address)).into(),
        None => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate_per_minute() {
        let limiter = Limiter::new(Rate {
            burst: 3,
            per_minute: 6,
        });
        let now = UnixTime(1_000);
        for _ in 0..3 {
            assert_eq!(limiter.admit(&"a", now), Ok(()));
        }
        assert_eq!(limiter.admit(&"a", now), Err(10));
        assert_eq!(limiter.admit(&"b", now), Ok(()));
        assert_eq!(limiter.admit(&"a", UnixTime(1_004)), Err(6));
        assert_eq!(limiter.admit(&"a", UnixTime(1_010)), Ok(()));
        assert_eq!(limiter.admit(&"a", UnixTime(1_010)), Err(10));
        // A clock that goes back refills nothing.
        assert_eq!(limiter.admit(&"a", UnixTime(900)), Err(10));
    }

    #[test]
    fn all_ipv6_networks_of_a_site_share_a_limit() {
        let rate = Rate {
            burst: 2,
            per_minute: 1,
        };
        let limiter = AddressLimiter::new(rate);
        let now = UnixTime(1_000);
        let mut admitted = 0;
        for network in 0..100_u32 {
            let address: IpAddr = format!("2001:db8:1:{network:x}::1")
                .parse()
                .expect("an address");
            admitted += u32::from(limiter.admit(&address, now).is_ok());
        }
        assert_eq!(admitted, 2 * SITE_SHARE);
        // Another site, and an IPv4 address, are not affected.
        for other in ["2001:db8:2::1", "192.0.2.1", "::ffff:192.0.2.2"] {
            let other: IpAddr = other.parse().expect("an address");
            assert_eq!(limiter.admit(&other, now), Ok(()), "{other}");
        }
        // A /64 has a lower limit.
        let one: IpAddr = "2001:db8:3::1".parse().expect("an address");
        let within: Vec<bool> = (0..3).map(|_| limiter.admit(&one, now).is_ok()).collect();
        assert_eq!(within, [true, true, false]);
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_limit() {
        for (address, expect) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ] {
            let read = |text: &str| text.parse::<IpAddr>().expect("an address");
            assert_eq!(network(read(address)), read(expect));
        }
    }
}
