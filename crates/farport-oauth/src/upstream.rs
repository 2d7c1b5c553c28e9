//! The provider's tokens, with which tools act on the user's behalf.

mod revocations;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use futures_util::lock::Mutex as AsyncMutex;
use secrecy::SecretString;

pub use revocations::UpstreamRevocations;

use crate::{
    Grant, GrantId, Properties, SignInMethod, StoreError, UnixTime, UpstreamGrant, UpstreamTokens,
    keys::GrantKey, provider::ProviderError, server::Core,
};

/// There is no upstream token.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The user did not sign in at a provider, but has an API token or signed in for development.
    #[error("this sign-in has no token of an identity provider")]
    None,
    /// The grant has ended, or the provider rejects it. The user has to sign in again.
    #[error("the user has to sign in again")]
    SignInAgain,
    /// The provider or the store is unavailable. The message is for the log.
    #[error("cannot obtain the identity provider's token: {0}")]
    Unavailable(String),
}

impl From<StoreError> for UpstreamError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A token that expires within this time is refreshed first, in seconds.
const AHEAD: u64 = 60;

/// How long a failed refresh counts for concurrent callers.
const RETRY: Duration = Duration::from_secs(5);

/// The running refreshes. Only one runs per grant, because a provider's refresh token can be used once.
#[derive(Default)]
struct Refreshing(Mutex<HashMap<GrantId, Weak<AsyncMutex<Option<Failed>>>>>);

/// A failed refresh. Callers that waited for it fail as well, instead of repeating it.
struct Failed {
    revision: u64,
    at: UnixTime,
    /// The reason; `None` if the user has to sign in again.
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
    fn lock_of(&self, grant: &GrantId) -> Arc<AsyncMutex<Option<Failed>>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(grant).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(AsyncMutex::new(None));
        locks.insert(grant.clone(), Arc::downgrade(&lock));
        lock
    }
}

/// The provider's tokens of users, refreshed when they expire.
pub struct UpstreamAccess {
    core: Arc<Core>,
    refreshing: Refreshing,
}

impl fmt::Debug for UpstreamAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamAccess")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

impl UpstreamAccess {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            refreshing: Refreshing::default(),
        }
    }

    /// The provider's access token for a grant; `None` if it has to be refreshed.
    ///
    /// # Errors
    /// When there is no token, or the store fails.
    pub async fn present_token(
        &self,
        UpstreamGrant { id, key }: &UpstreamGrant,
        now: UnixTime,
    ) -> Result<Option<SecretString>, UpstreamError> {
        let (_, properties) = self.properties(id, key).await?;
        fresh(&properties, now)
    }

    /// The provider's access token for a grant, refreshed if it has expired.
    ///
    /// The host must run this future to completion. A refresh token can be used once, and the new one
    /// is lost if the future is dropped before it is stored.
    ///
    /// # Errors
    /// When there is no token, or it cannot be refreshed.
    pub async fn token(
        &self,
        UpstreamGrant { id, key }: &UpstreamGrant,
        now: UnixTime,
    ) -> Result<SecretString, UpstreamError> {
        let (_, properties) = self.properties(id, key).await?;
        if let Some(fresh) = fresh(&properties, now)? {
            return Ok(fresh);
        }
        let lock = self.refreshing.lock_of(id);
        let mut failed = lock.lock().await;
        // Another task may have refreshed it in the meantime.
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
        let SignInMethod::Provider(provider) = &self.core.sign_in else {
            return Err(UpstreamError::None);
        };
        let upstream = properties.upstream.take().ok_or(UpstreamError::None)?;
        if upstream.refresh.is_none() {
            return Err(UpstreamError::SignInAgain);
        }
        let context = self.core.fetch_context(now);
        let renewed = provider.refresh(&upstream, context).await;
        let renewed = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                // Another replica may have used the refresh token first. Then this error does not matter.
                let (present, properties) = self.properties(&grant.id, key).await?;
                if present.revision != grant.revision
                    && let Some(fresh) = fresh(&properties, now)?
                {
                    return Ok(fresh);
                }
                tracing::warn!(grant = %grant.id, %error, "cannot refresh an upstream token");
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
        let sealed = key.seal(self.core.random(), &grant.id.0, &plain);
        let store = self.core.store();
        if !store
            .replace_properties(&grant.id, grant.revision, sealed)
            .await?
        {
            // Another replica refreshed it at the same time, or the grant has ended.
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
        let grant = self.core.store().grant(id).await?;
        let grant = grant.ok_or(UpstreamError::SignInAgain)?;
        let plain = key.open(&id.0, &grant.sealed);
        let plain = plain.map_err(|error| UpstreamError::Unavailable(error.to_string()))?;
        let properties = serde_json::from_slice(&plain)
            .map_err(|_| UpstreamError::Unavailable("cannot parse a grant's properties".into()))?;
        Ok((grant, properties))
    }
}

/// The access token, unless it expires soon.
fn fresh(properties: &Properties, now: UnixTime) -> Result<Option<SecretString>, UpstreamError> {
    let upstream = properties.upstream.as_ref().ok_or(UpstreamError::None)?;
    let lasts = upstream.expires.is_none_or(|end| end.0 > now.0 + AHEAD);
    Ok(lasts.then(|| upstream.access.clone()))
}
