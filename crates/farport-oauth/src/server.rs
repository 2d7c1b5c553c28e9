//! The authorization server.
//!
//! [`AuthorizationServer`] hands out one type for each role. The roles share a [`Core`], and hold the
//! others that they need:
//!
//! ```text
//! RegistrationEndpoint                                      register
//! Interaction ──── Clients                                  authorize, forms, callback
//! TokenEndpoint ─┬ ClientAuthenticator ── Clients           token, revoke, introspect
//!                └ Grants ┬ UpstreamRevocations             the end of a grant
//! ResourceServer ──┘      └ TokenCache                      authenticate
//! UpstreamAccess                                            the provider's tokens
//! ```

mod authentication;
mod clients;
mod config;
mod documents;
mod grants;
mod introspect;
mod metadata;
mod operator;
mod register;
mod revoke;
mod shared;
mod token;
mod token_request;

use std::{fmt, sync::Arc};

pub(crate) use clients::Clients;
pub use config::{Config, Environment, SignInMethod};
pub use documents::DocumentError;
pub(crate) use grants::Grants;
pub use introspect::Introspection;
pub use metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata};
pub use operator::{NewApiToken, revoke_grants};
pub use register::{Registration, RegistrationEndpoint};
pub(crate) use shared::{Core, admit};
pub(crate) use token::challenge;
pub use token::{TokenEndpoint, TokenResponse};
pub use token_request::TokenRequest;

use authentication::ClientAuthenticator;

use crate::{
    Interaction, Keys, ResourceServer, Site, UnixTime, UpstreamAccess, UpstreamRevocations,
};

/// An OAuth 2.1 authorization server with its protected resources. Hands out its roles.
pub struct AuthorizationServer {
    core: Arc<Core>,
    registration: RegistrationEndpoint,
    interaction: Interaction,
    token_endpoint: TokenEndpoint,
    resource_server: ResourceServer,
    upstream: Arc<UpstreamAccess>,
    revocations: Arc<UpstreamRevocations>,
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("config", &self.core.config)
            .field("sign_in", &self.core.sign_in)
            .finish_non_exhaustive()
    }
}

impl AuthorizationServer {
    /// Creates a server.
    pub fn new(
        config: Config,
        keys: Keys,
        sign_in: SignInMethod,
        environment: Environment,
    ) -> Self {
        let core = Arc::new(Core {
            config: config.limited(),
            keys,
            sign_in,
            environment,
        });
        let clients = Arc::new(Clients::new(core.clone()));
        let revocations = Arc::new(UpstreamRevocations::new(core.clone()));
        let grants = Arc::new(Grants::new(core.clone(), revocations.clone()));
        let authenticator = ClientAuthenticator::new(core.clone(), clients.clone());
        Self {
            registration: RegistrationEndpoint::new(core.clone()),
            interaction: Interaction::new(core.clone(), clients.clone()),
            token_endpoint: TokenEndpoint {
                core: core.clone(),
                clients,
                authenticator,
                grants: grants.clone(),
            },
            resource_server: ResourceServer::new(core.clone(), grants),
            upstream: Arc::new(UpstreamAccess::new(core.clone())),
            revocations,
            core,
        }
    }

    /// The registration endpoint.
    pub fn registration(&self) -> &RegistrationEndpoint {
        &self.registration
    }

    /// The pages in the browser: the authorization endpoint, sign-in, consent, and the return from the
    /// provider.
    pub fn interaction(&self) -> &Interaction {
        &self.interaction
    }

    /// The token, revocation and introspection endpoints.
    pub fn token_endpoint(&self) -> &TokenEndpoint {
        &self.token_endpoint
    }

    /// The validation of access tokens and API tokens.
    pub fn resource_server(&self) -> &ResourceServer {
        &self.resource_server
    }

    /// The provider's tokens of a user.
    pub fn upstream(&self) -> &Arc<UpstreamAccess> {
        &self.upstream
    }

    /// The revocation of the provider's tokens of ended grants.
    pub fn upstream_revocations(&self) -> &Arc<UpstreamRevocations> {
        &self.revocations
    }

    /// The authorization server metadata at `site`.
    pub fn metadata(&self, site: &Site) -> AuthorizationServerMetadata {
        AuthorizationServerMetadata::new(&self.core.config, site)
    }

    /// Deletes expired records. The host calls this every few minutes. Returns the number of deleted
    /// records.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, now: UnixTime) -> Result<usize, crate::StoreError> {
        self.core.store().purge(now).await
    }
}
