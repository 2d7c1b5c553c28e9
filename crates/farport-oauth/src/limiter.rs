//! How often somebody may ask.

use std::{net::IpAddr, sync::Mutex};

use quick_cache::unsync::Cache;

use crate::UnixTime;

/// How often something may be done: `burst` times at once, and then `per_minute`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How often at once.
    pub burst: u32,
    /// How often a minute in the long run.
    pub per_minute: u32,
}

/// Counts, by whom. It remembers a bounded number of askers and forgets those not seen for longest,
/// who then start with a full measure.
pub(crate) struct Limiter<K> {
    rate: Rate,
    buckets: Mutex<Cache<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Sixtieths of what may be done.
    left: u64,
    at: UnixTime,
}

/// The most askers that are remembered.
const ASKERS: usize = 10_000;

impl<K: std::hash::Hash + Eq + Clone> Limiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::new(Cache::new(ASKERS)),
        }
    }

    /// Whether `asker` may once more. If not: after how many seconds.
    pub(crate) fn admit(&self, asker: &K, now: UnixTime) -> Result<(), u64> {
        let full = u64::from(self.rate.burst) * 60;
        let gain = u64::from(self.rate.per_minute);
        let mut buckets = self
            .buckets
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = buckets.get(asker).copied();
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
        buckets.insert(asker.clone(), bucket);
        admitted
    }
}

/// The network that an address is counted under: an IPv4 address itself, the /64 of an IPv6 one,
/// of which its owner has as many as they like.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_minute() {
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
        // A clock that goes back gives nothing away.
        assert_eq!(limiter.admit(&"a", UnixTime(900)), Err(10));
    }

    #[test]
    fn an_ipv6_neighbour_is_the_same_asker() {
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
