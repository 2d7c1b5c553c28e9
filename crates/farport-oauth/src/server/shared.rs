//! What the roles of an authorization server share.

use std::{fmt, net::IpAddr, time::Duration};

use super::{Config, Environment, SignInMethod};
use crate::{
    ErrorCode, Keys, OAuthError, Random, Store, UnixTime, limiter::AddressLimiter,
    provider::FetchContext,
};

/// The settings, keys and host interfaces that the roles share. It has no state.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) sign_in: SignInMethod,
    pub(crate) environment: Environment,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("config", &self.config)
            .field("sign_in", &self.sign_in)
            .finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.environment.store
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.environment.random
    }

    /// The context of requests to other servers.
    pub(crate) fn fetch_context(&self, now: UnixTime) -> FetchContext<'_> {
        FetchContext {
            now,
            fetcher: &self.environment.fetcher,
        }
    }
}

/// Counts a request from `address`.
///
/// # Errors
/// When the address has sent too many.
pub(crate) fn admit(
    limiter: &AddressLimiter,
    address: Option<IpAddr>,
    now: UnixTime,
) -> Result<(), OAuthError> {
    let Some(address) = address else {
        return Ok(());
    };
    limiter.admit(&address, now).map_err(slow_down)
}

/// The error for a client or an address that sends too many requests.
pub(super) fn slow_down(seconds: u64) -> OAuthError {
    OAuthError::new(ErrorCode::SlowDown, "too many requests; try again later")
        .retry_after(Duration::from_secs(seconds))
}
