//! A server that lists to each what they may use.

use std::sync::Arc;

use super::{Policy, filter};
use crate::{
    BoxFuture, Call, Dispatch, Instance, InstanceContext, Notified, Profile, Reply, RpcError,
    standard_headers::ParamHeader,
};

/// A [`Dispatch`] whose lists hold what the caller may use, and nothing else. That calls are
/// allowed is checked before they get here, where it can still be told by an HTTP status.
pub struct Permitted {
    inner: Arc<dyn Dispatch>,
    policy: Arc<Policy>,
}

impl Permitted {
    /// Serves `inner` under `policy`.
    pub fn new(inner: Arc<dyn Dispatch>, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }
}

struct PermittedInstance {
    inner: Arc<dyn Instance>,
    policy: Arc<Policy>,
}

impl Dispatch for Permitted {
    fn profile(&self) -> &Profile {
        self.inner.profile()
    }

    fn open(&self, context: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError> {
        Ok(Arc::new(PermittedInstance {
            inner: self.inner.open(context)?,
            policy: self.policy.clone(),
        }))
    }
}

impl Instance for PermittedInstance {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Reply> {
        let Some(listing) = filter::listing(&call.request.method) else {
            return self.inner.clone().call(call);
        };
        Box::pin(async move {
            let principal = call.context.principal.clone();
            let frame = self.inner.clone().call(call).await?;
            let filtered = filter::filtered(&self.policy, &principal, listing, &frame);
            filtered.ok_or_else(RpcError::internal)
        })
    }

    fn notify(self: Arc<Self>, notified: Notified) -> BoxFuture<'static, ()> {
        self.inner.clone().notify(notified)
    }

    fn param_headers(&self, tool: &str) -> Arc<[ParamHeader]> {
        self.inner.param_headers(tool)
    }
}
