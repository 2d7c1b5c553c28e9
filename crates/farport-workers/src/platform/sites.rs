//! One service for each origin that clients use.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use farport_core::SessionStore;
use farport_http::McpService;
use farport_oauth::Store;
use farport_server::{Environment, Error, Server, Settings};
use url::Url;

use crate::platform::{environment::Variables, runtime::WorkerRuntime, sign_in};

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
        let environment = Environment {
            sessions: sessions(&settings),
            runtime: Arc::new(WorkerRuntime),
            // The next request of a client may reach another isolate.
            parks_calls: false,
            addresses: &[],
            oauth: &|| sign_in::oauth(store()?, variables),
        };
        let server = server()?;
        let settings = server.apply(settings);
        let site = Site {
            service: server.service(&settings, environment)?,
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
