//! An authorization server elsewhere, and the way of its checks to the network.

use std::{fmt, sync::Arc};

use farport_http::TokenValidator;
use farport_oauth::{
    Authenticated, BearerError, BoxFuture, ExternalServer, Fetcher, UnixTime, provider::World,
};

use super::SignIn;

/// An authorization server elsewhere, whose tokens are only checked here. API tokens are good as
/// well.
#[derive(Clone)]
pub struct External(Checks);

#[derive(Clone)]
enum Checks {
    /// By whoever knows how to.
    Own(Arc<dyn TokenValidator>),
    /// By us, over the host's way to the network.
    Server(Arc<ExternalServer>),
}

impl External {
    /// One that `validator` knows how to check the tokens of.
    pub fn new(validator: impl TokenValidator) -> Self {
        Self(Checks::Own(Arc::new(validator)))
    }

    /// What checks its tokens, over `fetcher` if it has to ask.
    pub(super) fn reaching(self, fetcher: &Arc<dyn Fetcher>) -> Arc<dyn TokenValidator> {
        match self.0 {
            Checks::Own(validator) => validator,
            Checks::Server(server) => Arc::new(Checking {
                server,
                fetcher: fetcher.clone(),
            }),
        }
    }
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = match &self.0 {
            Checks::Own(validator) => validator.issuers(),
            Checks::Server(server) => vec![server.issuer().clone()],
        };
        f.debug_tuple("External").field(&issuers).finish()
    }
}

struct Checking {
    server: Arc<ExternalServer>,
    fetcher: Arc<dyn Fetcher>,
}

impl TokenValidator for Checking {
    fn issuers(&self) -> Vec<Arc<str>> {
        vec![self.server.issuer().clone()]
    }

    fn validate<'a>(
        &'a self,
        token: &'a str,
        resource: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Arc<Authenticated>, BearerError>> {
        let fetcher = &self.fetcher;
        let world = World { now, fetcher };
        Box::pin(self.server.validate(token, resource, world))
    }
}

impl From<ExternalServer> for External {
    fn from(server: ExternalServer) -> Self {
        Self(Checks::Server(Arc::new(server)))
    }
}

impl From<ExternalServer> for SignIn {
    fn from(server: ExternalServer) -> Self {
        External::from(server).into()
    }
}
