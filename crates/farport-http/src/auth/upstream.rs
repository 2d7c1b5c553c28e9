//! The provider's token, for a tool.

use std::sync::Arc;

use farport_core::{BoxFuture, Runtime, UpstreamToken, UpstreamTokenError};
use farport_oauth::{AuthorizationServer, UnixTime, UpstreamError, UpstreamGrant};
use futures_util::FutureExt;
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
            let present = self.server.present_upstream_token(&self.grant, now).await;
            match present.map_err(told)? {
                Some(token) => Ok(token),
                None => self.renewed(now).await,
            }
        })
    }
}

impl Token {
    /// A new token. Getting it goes on when whoever waits for it is gone, as a tool is whose client
    /// hangs up: the refresh token is spent by then, and its successor has to be kept.
    async fn renewed(&self, now: UnixTime) -> Result<SecretString, UpstreamTokenError> {
        let (server, grant) = (self.server.clone(), self.grant.clone());
        let renewal = async move { server.upstream_token(&grant, now).await.map_err(told) };
        let renewal = renewal.boxed().shared();
        self.runtime.spawn(renewal.clone().map(drop).boxed());
        renewal.await
    }
}

/// What a tool is told.
fn told(error: UpstreamError) -> UpstreamTokenError {
    match error {
        UpstreamError::None => UpstreamTokenError::None,
        UpstreamError::SignInAgain => UpstreamTokenError::SignInAgain,
        UpstreamError::Unavailable(why) => {
            tracing::warn!(why, "an upstream token cannot be had");
            UpstreamTokenError::Unavailable
        }
    }
}
