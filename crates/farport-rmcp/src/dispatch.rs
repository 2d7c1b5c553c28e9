//! The server side of the dispatch seam: a factory of handlers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use farport_core::{
    Dispatch, Instance, InstanceContext, Profile, ProtocolVersion, RawJson, RpcError,
};
use rmcp::{ServerHandler, Service};

use crate::{instance::RmcpInstance, params::ParamCache, peer::SilentPeers};

/// Serves the handlers that a factory creates: one for each session, one for each modern request.
///
/// A handler holds the state of one session. State that all handlers share belongs in the factory's
/// captures, behind an `Arc`.
pub struct RmcpDispatch<F> {
    factory: F,
    profile: Profile,
    shared: Arc<Shared>,
}

/// State that all instances share. None of it is about one client.
pub(crate) struct Shared {
    pub(crate) silent: SilentPeers,
    pub(crate) params: ParamCache,
    pub(crate) server_info: RawJson,
}

impl<H, F> RmcpDispatch<F>
where
    H: ServerHandler,
    F: Fn(&InstanceContext) -> H + Send + Sync + 'static,
{
    /// Creates one handler to read the server's declarations.
    pub fn new(factory: F) -> Self {
        let handler = factory(&InstanceContext::default());
        let info = ServerHandler::get_info(&handler);
        let declared = &info.capabilities;
        let resources = declared.resources.as_ref();
        let changes = [
            declared.tools.as_ref().and_then(|tools| tools.list_changed),
            declared
                .prompts
                .as_ref()
                .and_then(|prompts| prompts.list_changed),
            resources.and_then(|resources| resources.list_changed),
            resources.and_then(|resources| resources.subscribe),
        ];
        let logging = declared.logging.is_some();
        let supported = Service::supported_protocol_versions(&handler);
        let versions = ProtocolVersion::ALL
            .into_iter()
            .filter(|version| {
                supported
                    .iter()
                    .any(|known| known.as_str() == version.as_str())
            })
            .collect();
        // An `Implementation` holds strings only. If it cannot be serialized, the name is omitted.
        let server_info = serde_json::to_string(&info.server_info).unwrap_or_else(|_| "{}".into());
        let server_info = RawJson::from(server_info);
        Self {
            factory,
            profile: Profile {
                versions,
                server_info: server_info.clone(),
                logging,
                sends_unprompted: logging || changes.contains(&Some(true)),
            },
            shared: Arc::new(Shared {
                silent: SilentPeers::default(),
                params: ParamCache::default(),
                server_info,
            }),
        }
    }
}

impl<H, F> Dispatch for RmcpDispatch<F>
where
    H: ServerHandler,
    F: Fn(&InstanceContext) -> H + Send + Sync + 'static,
{
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn open(&self, context: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError> {
        let handler = catch_unwind(AssertUnwindSafe(|| (self.factory)(context))).map_err(|_| {
            tracing::error!("the handler factory panicked");
            RpcError::internal()
        })?;
        let keeps_peer = self.profile.sends_unprompted;
        Ok(Arc::new(RmcpInstance::new(
            handler,
            self.shared.clone(),
            keeps_peer,
            context.tasks.clone(),
        )))
    }
}
