//! API tokens for servers without the built-in authorization server.

use std::{sync::Arc, time::Duration};

use crate::{
    Authenticated, BearerError, Digest, Store, UnixTime, resource_server, token::SecretKind,
    token_cache::TokenCache,
};

/// Validates API tokens, for a server whose users sign in at an external authorization server or not
/// at all.
pub struct ApiTokens {
    store: Arc<dyn Store>,
    cache: TokenCache,
}

impl std::fmt::Debug for ApiTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiTokens")
    }
}

impl ApiTokens {
    /// Validates the API tokens in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            cache: TokenCache::default(),
        }
    }

    /// Whether `token` has the form of an API token.
    pub fn fits(token: &str) -> bool {
        SecretKind::Api.fits(token)
    }

    /// Validates `token` and returns its holder.
    ///
    /// # Errors
    /// When the token is not valid, or the store fails.
    pub async fn authenticate(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Authenticated>, BearerError> {
        self.authenticate_within(token, now, Duration::MAX).await
    }

    /// Like [`ApiTokens::authenticate`], but reads the store again if the cached result is older than
    /// `max_age`.
    ///
    /// # Errors
    /// When the token is not valid, or the store fails.
    pub async fn authenticate_within(
        &self,
        token: &str,
        now: UnixTime,
        max_age: Duration,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let id = Digest::of(token);
        if let Some((who, _)) = self.cache.get(&id, now, max_age) {
            return Ok(who);
        }
        let found = resource_server::api_token(&*self.store, &id, now).await?;
        let Some((who, audience)) = found else {
            self.cache.forget_token(&id);
            return Err(BearerError::Invalid);
        };
        let who = Arc::new(who);
        self.cache.put(id, who.clone(), audience, now);
        Ok(who)
    }
}
