//! API tokens where there is no authorization server of ours.

use std::sync::Arc;

use crate::{
    Authenticated, BearerError, Digest, Store, UnixTime,
    bearer::{self, TokenCache},
    token::Kind,
};

/// Checks API tokens, for a server whose users sign in elsewhere or not at all.
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
    /// Those in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            cache: TokenCache::default(),
        }
    }

    /// Whether this looks like an API token.
    pub fn fits(token: &str) -> bool {
        Kind::Api.fits(token)
    }

    /// Who brings `token`.
    ///
    /// # Errors
    /// When it is none, or the store fails.
    pub async fn authenticate(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let id = Digest::of(token);
        if let Some((who, _)) = self.cache.get(&id, now) {
            return Ok(who);
        }
        let found = bearer::api_token(&*self.store, &id, now).await?;
        let (who, audience) = found.ok_or(BearerError::Invalid)?;
        let who = Arc::new(who);
        self.cache.put(id, who.clone(), audience, now);
        Ok(who)
    }
}
