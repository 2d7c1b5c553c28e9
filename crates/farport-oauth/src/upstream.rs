//! Tokens of the provider, for tools that act for the user there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use futures_util::lock::Mutex as Turn;
use secrecy::SecretString;

use crate::{
    AuthorizationServer, Grant, GrantId, Properties, SignInMethod, StoreError, UnixTime,
    UpstreamGrant, UpstreamTokens,
    keys::GrantKey,
    provider::{ProviderError, World},
};

/// Why there is no upstream token.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nobody signed in at a provider for this: an API token, or a sign-in for development.
    #[error("this sign-in has no token of an identity provider")]
    None,
    /// The grant is gone, or the provider no longer honours it: the user has to sign in again.
    #[error("the user has to sign in again")]
    SignInAgain,
    /// The provider, or the store, cannot be asked at the moment. The text is for the log.
    #[error("the identity provider's token cannot be had at the moment: {0}")]
    Unavailable(String),
}

impl From<StoreError> for UpstreamError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A token that ends sooner than this is renewed first, in seconds.
const AHEAD: u64 = 60;

/// For how long those who wait for a renewal that failed do not try it themselves.
const RETRY: Duration = Duration::from_secs(5);

/// Whose tokens are being renewed: a provider's refresh token is spent once.
#[derive(Default)]
pub(crate) struct Refreshing(Mutex<HashMap<GrantId, Weak<Turn<Option<Failed>>>>>);

/// A renewal that failed. Those who wait for the same one fail with it, and do not each try again.
struct Failed {
    revision: u64,
    at: UnixTime,
    /// Why; `None` where the user has to sign in again.
    unavailable: Option<String>,
}

impl Failed {
    fn error(&self) -> UpstreamError {
        match &self.unavailable {
            Some(text) => UpstreamError::Unavailable(text.clone()),
            None => UpstreamError::SignInAgain,
        }
    }
}

impl Refreshing {
    fn turn(&self, grant: &GrantId) -> Arc<Turn<Option<Failed>>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(grant).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::new(None));
        turns.insert(grant.clone(), Arc::downgrade(&turn));
        turn
    }
}

impl AuthorizationServer {
    /// The provider's access token of whoever made a grant; `None` where it has to be renewed.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn present_upstream_token(
        &self,
        UpstreamGrant { id, key }: &UpstreamGrant,
        now: UnixTime,
    ) -> Result<Option<SecretString>, UpstreamError> {
        let (_, properties) = self.properties(id, key).await?;
        fresh(&properties, now)
    }

    /// The provider's access token of whoever made a grant, renewed if it has expired.
    ///
    /// To be run to its end: providers spend a refresh token when it is used, and what came in its
    /// place is lost with a future that is dropped before it is stored.
    ///
    /// # Errors
    /// When there is none, or it cannot be renewed.
    pub async fn upstream_token(
        &self,
        UpstreamGrant { id, key }: &UpstreamGrant,
        now: UnixTime,
    ) -> Result<SecretString, UpstreamError> {
        let (_, properties) = self.properties(id, key).await?;
        if let Some(fresh) = fresh(&properties, now)? {
            return Ok(fresh);
        }
        let turn = self.refreshing.turn(id);
        let mut failed = turn.lock().await;
        // Somebody may have renewed it meanwhile.
        let (grant, properties) = self.properties(id, key).await?;
        if let Some(fresh) = fresh(&properties, now)? {
            return Ok(fresh);
        }
        let revision = grant.revision;
        if let Some(failed) = &*failed
            && failed.revision == revision
            && failed.at.until(now) < RETRY
        {
            return Err(failed.error());
        }
        let renewed = self.renew(grant, key, properties, now).await;
        *failed = match &renewed {
            Err(UpstreamError::Unavailable(text)) => Some(Some(text.clone())),
            Err(UpstreamError::SignInAgain) => Some(None),
            Ok(_) | Err(UpstreamError::None) => None,
        }
        .map(|unavailable| Failed {
            revision,
            at: now,
            unavailable,
        });
        renewed
    }

    async fn renew(
        &self,
        grant: Grant,
        key: &GrantKey,
        mut properties: Properties,
        now: UnixTime,
    ) -> Result<SecretString, UpstreamError> {
        let SignInMethod::Provider(provider) = &self.sign_in else {
            return Err(UpstreamError::None);
        };
        let upstream = properties.upstream.take().ok_or(UpstreamError::None)?;
        if upstream.refresh.is_none() {
            return Err(UpstreamError::SignInAgain);
        }
        let world = World {
            now,
            fetcher: &self.world.fetcher,
        };
        let renewed = provider.refresh(&upstream, world).await;
        let renewed = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                // Where another replica was faster, the refresh token was spent, and this refusal
                // means nothing.
                let (present, properties) = self.properties(&grant.id, key).await?;
                if present.revision != grant.revision
                    && let Some(fresh) = fresh(&properties, now)?
                {
                    return Ok(fresh);
                }
                tracing::warn!(grant = %grant.id, %error, "an upstream token was not renewed");
                return Err(match error {
                    ProviderError::Unavailable(text) => UpstreamError::Unavailable(text),
                    ProviderError::Refused(_)
                    | ProviderError::NotAllowed(_)
                    | ProviderError::Unacceptable(_) => UpstreamError::SignInAgain,
                });
            }
        };
        let access = renewed.access.clone();
        properties.upstream = Some(UpstreamTokens {
            refresh: renewed.refresh.or(upstream.refresh),
            ..renewed
        });
        let plain = serde_json::to_vec(&properties)
            .map_err(|error| UpstreamError::Unavailable(error.to_string()))?;
        let sealed = key.seal(self.random(), &grant.id.0, &plain);
        let store = &self.world.store;
        if !store
            .replace_properties(&grant.id, grant.revision, sealed)
            .await?
        {
            // Another replica renewed it at the same time, or the grant is gone.
            let (_, properties) = self.properties(&grant.id, key).await?;
            return fresh(&properties, now)?.ok_or(UpstreamError::SignInAgain);
        }
        Ok(access)
    }

    async fn properties(
        &self,
        id: &GrantId,
        key: &GrantKey,
    ) -> Result<(Grant, Properties), UpstreamError> {
        let grant = self.world.store.grant(id).await?;
        let grant = grant.ok_or(UpstreamError::SignInAgain)?;
        let plain = key.open(&id.0, &grant.sealed);
        let plain = plain.map_err(|error| UpstreamError::Unavailable(error.to_string()))?;
        let properties = serde_json::from_slice(&plain)
            .map_err(|_| UpstreamError::Unavailable("the properties do not parse".into()))?;
        Ok((grant, properties))
    }
}

/// The access token, if it is good for a while.
fn fresh(properties: &Properties, now: UnixTime) -> Result<Option<SecretString>, UpstreamError> {
    let upstream = properties.upstream.as_ref().ok_or(UpstreamError::None)?;
    let lasts = upstream.expires.is_none_or(|end| end.0 > now.0 + AHEAD);
    Ok(lasts.then(|| upstream.access.clone()))
}
