//! A server whose lists are filtered for each caller.

use std::sync::Arc;

use super::{Policy, filter};
use crate::{
    BoxFuture, Call, Dispatch, Instance, InstanceContext, Notified, Profile, Reply, RpcError,
    standard_headers::ParamHeader,
};

/// A [`Dispatch`] whose lists contain only what the caller may use. The transport checks permission for
/// calls earlier, when it can still respond with an HTTP status.
pub struct Permitted {
    inner: Arc<dyn Dispatch>,
    policy: Arc<Policy>,
}

impl Permitted {
    /// Filters the lists of `inner` according to `policy`.
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
