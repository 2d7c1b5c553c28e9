//! The rate limit for new sessions.

use std::net::IpAddr;

use farport_core::{Principal, Share};
use farport_oauth::{AddressLimiter, Limiter, Rate, UnixTime};

/// The rate limit for new sessions, per user and per network of anonymous clients.
#[derive(Debug)]
pub(crate) struct OpeningRate {
    users: Limiter<Share>,
    networks: AddressLimiter,
    unlimited: bool,
}

impl OpeningRate {
    /// Allows `per_minute` sessions per minute. 0 means no limit.
    pub(crate) fn new(per_minute: u32) -> Self {
        let rate = Rate {
            burst: per_minute,
            per_minute,
        };
        Self {
            users: Limiter::new(rate),
            networks: AddressLimiter::new(rate),
            unlimited: per_minute == 0,
        }
    }

    /// Counts a new session. The error is the number of seconds to wait.
    pub(crate) fn admit(
        &self,
        principal: &Principal,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<(), u64> {
        match (principal, address) {
            _ if self.unlimited => Ok(()),
            (Principal::User(_), _) => self.users.admit(&Share::of(principal, None), now),
            (Principal::Anonymous, Some(address)) => self.networks.admit(&address, now),
            // A host without addresses limits the rate itself.
            (Principal::Anonymous, None) => Ok(()),
        }
    }
}
