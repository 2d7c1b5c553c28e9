//! The gate: checks Host and Origin, authenticates callers, and checks their permissions.

use std::{net::IpAddr, sync::Arc};

use farport_core::{BoxFuture, Principal, Request, RequestId, RequestMeta, Runtime};
use farport_oauth::UnixTime;
use http::{HeaderMap, header, request::Parts};

use crate::{
    Auth, Config,
    admission::OpeningRate,
    caller::{Address, Identified},
    permission::{Opener, StreamPermission},
    refusal::{Refusal, RefusalLog},
};

/// Decides whether a request may pass, and for whom. Every route goes through it.
pub(crate) struct Gate {
    guard: crate::Guard,
    refusals: RefusalLog,
    /// `None` on a public server.
    auth: Option<Arc<Auth>>,
    /// The rate limit for new sessions.
    opening: OpeningRate,
    runtime: Arc<dyn Runtime>,
}

impl Gate {
    pub(crate) fn new(config: &Config, auth: Option<Arc<Auth>>, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            guard: config.guard.clone(),
            refusals: RefusalLog::default(),
            auth,
            opening: OpeningRate::new(config.limits.sessions_per_minute),
            runtime,
        }
    }

    /// Checks Host and Origin of a request.
    pub(crate) fn check_origin(&self, parts: &Parts) -> Result<(), Refusal> {
        let checked = self.guard.check(&parts.uri, &parts.headers);
        checked.inspect_err(|refusal| {
            self.refusals.note(refusal, &*self.runtime);
        })
    }

    /// Counts a new session of `principal`, or refuses it.
    pub(crate) fn admit_session(
        &self,
        principal: &Principal,
        address: Option<IpAddr>,
        id: Option<&RequestId>,
    ) -> Result<(), Refusal> {
        let now = UnixTime(self.runtime.now().0 / 1000);
        let admitted = self.opening.admit(principal, address, now);
        admitted.map_err(|seconds| Refusal::too_many(seconds, id.cloned()))
    }
}

impl Gate {
    /// Authenticates a request to the resource at `path`. On a protected server, it then removes the
    /// credentials from the headers, so that a handler that reads its request cannot use them.
    pub(crate) async fn authenticate(
        &self,
        parts: &mut Parts,
        path: &'static str,
        address: Address,
    ) -> Result<Identified, Refusal> {
        let Some(auth) = &self.auth else {
            return Ok(Principal::Anonymous.into());
        };
        let identified = auth.identify(parts, path, address, &self.runtime).await?;
        remove_credentials(&mut parts.headers);
        Ok(identified)
    }

    /// Checks whether the caller is permitted to make this request.
    pub(crate) fn permit(
        &self,
        principal: &Principal,
        parts: &Parts,
        request: &Request,
        meta: &RequestMeta,
    ) -> Result<(), Refusal> {
        match &self.auth {
            Some(auth) => auth.permit(principal, parts, request, meta),
            None => Ok(()),
        }
    }

    /// Returns a future that is ready when the authorization of a stream ends. `None` if it never does.
    pub(crate) fn lease(
        &self,
        opener: Opener,
        permission: impl StreamPermission,
    ) -> Option<BoxFuture<'static, ()>> {
        let (auth, credential) = self.auth.as_ref().zip(opener.credential)?;
        Some(auth.lease(credential, self.runtime.clone(), permission))
    }
}

/// Removes the headers that authenticate the client to this server.
pub(crate) fn remove_credentials(headers: &mut HeaderMap) {
    for name in [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
    ] {
        headers.remove(name);
    }
}
