//! The end of grants, and the limits on a user's grants.

use std::sync::Arc;

use super::Core;
use crate::{
    Digest, Grant, GrantFilter, GrantId, StoreError, UpstreamRevocations, keys::GrantKey,
    token_cache::TokenCache,
};

/// Ends and limits grants. All changes of this process to a grant go through here, so that the cache of
/// tokens never lags behind.
pub(crate) struct Grants {
    core: Arc<Core>,
    pub(crate) tokens: TokenCache,
    revocations: Arc<UpstreamRevocations>,
}

impl Grants {
    pub(super) fn new(core: Arc<Core>, revocations: Arc<UpstreamRevocations>) -> Self {
        Self {
            core,
            tokens: TokenCache::default(),
            revocations,
        }
    }

    /// Ends a grant in the store and in the cache. Returns whether it existed.
    pub(super) async fn end(&self, grant: &GrantId) -> Result<bool, StoreError> {
        let existed = self.core.store().revoke(grant).await?;
        self.tokens.forget(grant);
        Ok(existed)
    }

    /// Removes the tokens of a grant from the cache, after the store revoked some or all of them.
    pub(super) fn forget(&self, grant: &GrantId) {
        self.tokens.forget(grant);
    }

    /// Queues the provider's tokens of an ended grant for revocation.
    pub(super) fn revoke_upstream(&self, grant: &Grant, key: &GrantKey) {
        self.revocations.push(grant, key);
    }

    /// Ends the grace period of the refresh token that a response replaced, because a token from that
    /// response is in use. Writes to the store once for each response.
    pub(crate) async fn confirm(
        &self,
        replaces: Option<Digest>,
        grant: &Grant,
    ) -> Result<(), StoreError> {
        let pending = replaces.filter(|replaced| grant.retryable == Some(*replaced));
        match pending {
            Some(replaced) => self.core.store().confirm(&grant.id, &replaced).await,
            None => Ok(()),
        }
    }

    /// Ends the least recently used grants of a user who has too many. A failure does not affect the
    /// sign-in that created `newest`.
    pub(super) async fn limit(&self, newest: &Grant) {
        if let Err(error) = self.end_surplus(newest).await {
            tracing::error!(%error, "cannot limit a user's grants");
        }
    }

    async fn end_surplus(&self, newest: &Grant) -> Result<(), StoreError> {
        let filter = GrantFilter {
            subject: Some(newest.user.subject.clone()),
            client: None,
        };
        let mut grants = self.core.store().grants(&filter).await?;
        grants.retain(|grant| grant.user == newest.user && grant.id != newest.id);
        // Grants with an unredeemed code expire with it, so they do not count.
        let code_lifetime = self.core.config.code_lifetime;
        grants.retain(|grant| grant.expires > grant.created.after(code_lifetime));
        grants.sort_by_key(|grant| std::cmp::Reverse(grant.used));
        let (mut all, mut of_client) = (1, 1);
        for grant in grants {
            let same_client = grant.client == newest.client;
            let fits = all < self.core.config.most_grants
                && !(same_client && of_client >= self.core.config.most_grants_per_client);
            if fits {
                all += 1;
                of_client += usize::from(same_client);
            } else {
                tracing::info!(grant = %grant.id, "ended a grant, because its user has too many");
                self.end(&grant.id).await?;
            }
        }
        Ok(())
    }
}
