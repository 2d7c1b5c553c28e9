//! One service for each origin that clients use.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use farport::{Error, Server, Settings, host};
use farport_core::SessionStore;
use farport_http::McpService;
use farport_oauth::Store;
use url::Url;

#[cfg(feature = "sign-in")]
use crate::fetcher::WorkerFetcher;
use crate::{environment::Variables, runtime::WorkerRuntime};

/// The maximum number of origins. A deployed server has a few; on a developer's machine, a request can
/// name any.
const MOST: usize = 16;

/// Creates the server.
pub type MakeServer = fn() -> Result<Server, Error>;

/// The service for one origin.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) service: McpService,
    /// The maximum size of a request body, in bytes.
    pub(crate) body_bytes: usize,
}

/// The services of an isolate or an object.
#[derive(Default)]
pub(crate) struct Sites(RefCell<HashMap<String, Site>>);

impl Sites {
    /// Returns the service for clients that reach the server at `url`.
    pub(crate) fn at(
        &self,
        url: &Url,
        variables: &Variables,
        server: MakeServer,
        sessions: impl FnOnce(&Settings) -> Arc<dyn SessionStore>,
        store: &dyn Fn() -> Result<Arc<dyn Store>, Error>,
    ) -> Result<Site, Error> {
        let origin = url.origin().ascii_serialization();
        if let Some(site) = self.0.borrow().get(&origin) {
            return Ok(site.clone());
        }
        let settings = variables.settings(url)?;
        if settings.outgoing_proxy.is_some() {
            tracing::warn!("ignored outgoing_proxy: the platform sends a Worker's requests");
        }
        let body_bytes = settings.max_body_bytes;
        let environment = host::Environment {
            sessions: sessions(&settings),
            runtime: Arc::new(WorkerRuntime),
            addresses: &[],
            #[cfg(not(feature = "sign-in"))]
            oauth: &|| store().and(Err(Error::NoSignIn)),
            #[cfg(feature = "sign-in")]
            oauth: &|| {
                Ok(host::OAuth {
                    store: store()?,
                    keys: variables.keys()?,
                    random: Arc::new(host::SystemRandom),
                    fetcher: Arc::new(WorkerFetcher),
                })
            },
        };
        let site = Site {
            service: host::service(server()?, settings, environment)?,
            body_bytes,
        };
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(origin, site.clone());
        Ok(site)
    }

    /// Removes all services.
    pub(crate) fn clear(&self) {
        self.0.take();
    }

    /// Returns all services.
    pub(crate) fn all(&self) -> Vec<Site> {
        self.0.borrow().values().cloned().collect()
    }
}
