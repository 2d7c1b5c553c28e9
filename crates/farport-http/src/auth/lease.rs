//! Leases: the authorization of an open stream or connection.
//!
//! A request is authorized when it arrives. A stream or connection that it opens has a lease, which ends
//! when the token expires, and soon after the token, its grant or the permission is revoked. The client's
//! next request then receives a challenge, so the client signs in again.

use std::{
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use farport_core::{BoxFuture, Principal, Runtime, Timestamp};
use farport_oauth::{BearerError, UnixTime, bearer_token};
use futures_util::future::select;
use http::{HeaderMap, HeaderValue, header};
use tokio_util::sync::CancellationToken;

use super::{Auth, Validated};
use crate::permission::StreamPermission;

/// The interval of the checks of a lease's token.
const CHECK_EVERY: Duration = Duration::from_secs(8);

/// The maximum age of a check's result, so that many streams of one token share a check.
const MAX_AGE: Duration = Duration::from_secs(4);

/// How long a lease survives an outage of the store or the authorization server.
const OUTAGE: Duration = Duration::from_secs(60);

/// The credential of a request. Cheap to create, because most requests open nothing.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(super) header: HeaderValue,
    /// The index of the site, and the path of the resource.
    pub(super) site: usize,
    pub(super) path: &'static str,
    pub(super) address: Option<IpAddr>,
    pub(super) expires: Option<UnixTime>,
}

/// Wakes all leases when this process revokes a token or a grant.
#[derive(Debug, Default)]
pub(super) struct Revocations(Mutex<CancellationToken>);

impl Revocations {
    pub(super) fn notify(&self) {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *next).cancel();
    }

    fn next(&self) -> CancellationToken {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        next.clone()
    }
}

impl Auth {
    /// Validates the token of `credential` again.
    async fn check(
        &self,
        credential: &Credential,
        now: UnixTime,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Validated, BearerError> {
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(header::AUTHORIZATION, credential.header.clone());
        let token = bearer_token(&headers, None)?;
        let (token, site) = token
            .zip(self.sites.get(credential.site))
            .ok_or(BearerError::Invalid)?;
        let presented = super::Presented {
            token,
            address: credential.address,
            max_age: MAX_AGE,
            now,
        };
        self.authenticate(site, credential.path, presented, runtime)
            .await
    }

    /// Returns a future that is ready when the authorization by `credential` ends.
    pub(crate) fn lease(
        self: &Arc<Self>,
        credential: Arc<Credential>,
        runtime: Arc<dyn Runtime>,
        mut permission: impl StreamPermission,
    ) -> BoxFuture<'static, ()> {
        let auth = self.clone();
        Box::pin(async move {
            let mut expires = credential.expires;
            let mut known = runtime.now();
            loop {
                let revoked = auth.revocations.next();
                let left = expires.map(|end| Timestamp(end.0.saturating_mul(1000)));
                let left = left.map_or(CHECK_EVERY, |end| end.since(runtime.now()));
                let wait = runtime.sleep(left.min(CHECK_EVERY));
                select(wait, pin!(revoked.cancelled())).await;
                let now = runtime.now();
                let seconds = UnixTime(now.0 / 1000);
                if expires.is_some_and(|end| end <= seconds) {
                    return tracing::debug!("ended a stream: its token expired");
                }
                match auth.check(&credential, seconds, &runtime).await {
                    Ok(validated) => {
                        known = now;
                        expires = validated.expires;
                        let principal = Principal::User(validated.user);
                        if !permission.is_permitted(&auth.policy, &principal) {
                            return tracing::debug!("ended a stream: it is no longer permitted");
                        }
                    }
                    Err(BearerError::Unavailable(_) | BearerError::TooMany(_))
                        if now.since(known) < OUTAGE => {}
                    Err(_) => return tracing::debug!("ended a stream: its token was revoked"),
                }
            }
        })
    }
}
