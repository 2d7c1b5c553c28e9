//! The provider's token, for a tool.

use std::sync::Arc;

use farport_core::{BoxFuture, Runtime, UpstreamToken, UpstreamTokenError};
use farport_oauth::{AuthorizationServer, UnixTime, UpstreamError, UpstreamGrant};
use secrecy::SecretString;

struct Token {
    server: Arc<AuthorizationServer>,
    grant: UpstreamGrant,
    runtime: Arc<dyn Runtime>,
}

/// The way to the token of the user who made `grant`.
pub(super) fn token(
    server: Arc<AuthorizationServer>,
    grant: UpstreamGrant,
    runtime: Arc<dyn Runtime>,
) -> Arc<dyn UpstreamToken> {
    Arc::new(Token {
        server,
        grant,
        runtime,
    })
}

impl UpstreamToken for Token {
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>> {
        Box::pin(async move {
            let now = UnixTime(self.runtime.now().0 / 1000);
            let token = self.server.upstream_token(&self.grant, now).await;
            token.map_err(|error| match error {
                UpstreamError::None => UpstreamTokenError::None,
                UpstreamError::SignInAgain => UpstreamTokenError::SignInAgain,
                UpstreamError::Unavailable(why) => {
                    tracing::warn!(why, "an upstream token cannot be had");
                    UpstreamTokenError::Unavailable
                }
            })
        })
    }
}
