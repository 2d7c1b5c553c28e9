//! The service, as it is made for each address under which the server is reached.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

#[cfg(feature = "sign-in")]
use farport::SystemRandom;
use farport::{Error, Server, Settings, host};
use farport_core::SessionStore;
use farport_http::McpService;
use farport_oauth::Store;
use url::Url;

#[cfg(feature = "sign-in")]
use crate::fetcher::WorkerFetcher;
use crate::{environment::Variables, runtime::WorkerRuntime};

/// How many addresses are remembered. A deployed server has those that were given to it; on a
/// developer's machine a request can name any.
const MOST: usize = 16;

/// Makes the server.
pub type MakeServer = fn() -> Result<Server, Error>;

/// What is remembered of an address.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) service: McpService,
    /// The largest body of a request, in bytes.
    pub(crate) body_bytes: usize,
}

/// The services of an isolate, or of an object.
#[derive(Default)]
pub(crate) struct Sites(RefCell<HashMap<String, Site>>);

impl Sites {
    /// The service for clients that reach the server at `url`.
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
        let body_bytes = settings.max_body_bytes;
        let surroundings = host::Surroundings {
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
                    random: Arc::new(SystemRandom),
                    fetcher: Arc::new(WorkerFetcher),
                })
            },
        };
        let site = Site {
            service: host::service(server()?, settings, surroundings)?,
            body_bytes,
        };
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(origin, site.clone());
        Ok(site)
    }

    /// Forgets them all.
    pub(crate) fn clear(&self) {
        self.0.take();
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Site> {
        self.0.borrow().values().cloned().collect()
    }
}
