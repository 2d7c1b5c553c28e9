//! The way of an external authorization server's checks to the network.

use std::sync::Arc;

use farport_http::TokenValidator;
use farport_oauth::{
    Authenticated, BearerError, BoxFuture, ExternalServer, Fetcher, UnixTime, provider::World,
};

use super::{External, SignIn};
use crate::fetcher::WebFetcher;

struct Checking {
    server: ExternalServer,
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
        Self::new(Checking {
            server,
            fetcher: Arc::new(WebFetcher::default()),
        })
    }
}

impl From<ExternalServer> for SignIn {
    fn from(server: ExternalServer) -> Self {
        External::from(server).into()
    }
}
