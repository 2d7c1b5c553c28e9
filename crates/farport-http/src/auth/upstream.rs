//! The provider's access token, for tools.

use std::sync::Arc;

use farport_core::{BoxFuture, Runtime, UpstreamToken, UpstreamTokenError};
use farport_oauth::{UnixTime, UpstreamAccess, UpstreamError, UpstreamGrant};
use futures_util::FutureExt;
use secrecy::SecretString;

struct Token {
    access: Arc<UpstreamAccess>,
    grant: UpstreamGrant,
    runtime: Arc<dyn Runtime>,
}

/// Returns the upstream token of `grant`.
pub(super) fn token(
    access: Arc<UpstreamAccess>,
    grant: UpstreamGrant,
    runtime: Arc<dyn Runtime>,
) -> Arc<dyn UpstreamToken> {
    Arc::new(Token {
        access,
        grant,
        runtime,
    })
}

impl UpstreamToken for Token {
    fn get(&self) -> BoxFuture<'_, Result<SecretString, UpstreamTokenError>> {
        Box::pin(async move {
            let now = UnixTime(self.runtime.now().0 / 1000);
            let present = self.access.present_token(&self.grant, now).await;
            match present.map_err(for_tool)? {
                Some(token) => Ok(token),
                None => self.renewed(now).await,
            }
        })
    }
}

impl Token {
    /// Refreshes the token. The refresh continues if the caller is dropped, for example because the
    /// client disconnects: the old refresh token is used by then, and the new one must be stored.
    async fn renewed(&self, now: UnixTime) -> Result<SecretString, UpstreamTokenError> {
        let (access, grant) = (self.access.clone(), self.grant.clone());
        let renewal = async move { access.token(&grant, now).await.map_err(for_tool) };
        let renewal = renewal.boxed().shared();
        self.runtime.spawn(renewal.clone().map(drop).boxed());
        renewal.await
    }
}

/// Converts an error for tools, and logs its cause.
fn for_tool(error: UpstreamError) -> UpstreamTokenError {
    match error {
        UpstreamError::None => UpstreamTokenError::None,
        UpstreamError::SignInAgain => UpstreamTokenError::SignInAgain,
        UpstreamError::Unavailable(why) => {
            tracing::warn!(why, "cannot obtain an upstream token");
            UpstreamTokenError::Unavailable
        }
    }
}
