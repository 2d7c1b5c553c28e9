//! Sign-in at an external authorization server.

use std::{fmt, sync::Arc};

use farport_http::{Presented, TokenValidator};
use farport_oauth::{
    Authenticated, BearerError, BoxFuture, ExternalServer, Fetcher, Presenter, UnixTime,
    provider::FetchContext,
};

use super::SignIn;

/// An external authorization server, whose tokens this server validates. It also accepts API tokens.
///
/// Use an [`ExternalServer`] for tokens that are JWTs or that the server introspects, and
/// [`External::new`] for your own validation:
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// # fn server(validator: impl farport_http::TokenValidator) -> farport::Server {
/// farport::Server::new(|_| Greeter).auth(farport::External::new(validator))
/// # }
/// ```
#[derive(Clone)]
pub struct External(Checks);

#[derive(Clone)]
enum Checks {
    /// The author's validation.
    Own(Arc<dyn TokenValidator>),
    /// farport's validation, which sends requests through the host.
    Server(Arc<ExternalServer>),
}

impl External {
    /// Accepts the tokens that `validator` accepts.
    pub fn new(validator: impl TokenValidator) -> Self {
        Self(Checks::Own(Arc::new(validator)))
    }

    /// Returns the validator of its tokens, which sends its requests through `fetcher`.
    pub(super) fn validator(self, fetcher: &Arc<dyn Fetcher>) -> Arc<dyn TokenValidator> {
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
        let world = FetchContext { now, fetcher };
        Box::pin(self.server.validate(token, resource, world))
    }

    fn validate_presented<'a>(
        &'a self,
        presented: Presented<'a>,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<Arc<Authenticated>, BearerError>> {
        let world = FetchContext {
            now: presented.now,
            fetcher: &self.fetcher,
        };
        let presenter = Presenter {
            address: presented.address,
            max_age: presented.max_age,
        };
        let server = &self.server;
        Box::pin(server.validate_from(presented.token, resource, presenter, world))
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
