//! How many grants a user may have.

use crate::{AuthorizationServer, Grant, GrantFilter, StoreError};

impl AuthorizationServer {
    /// Ends grants of the user who made `newest`, the ones unused for longest, where there are too
    /// many. Who signs in has signed in, whatever becomes of that.
    pub(super) async fn bound_grants(&self, newest: &Grant) {
        if let Err(error) = self.end_surplus(newest).await {
            tracing::error!(%error, "a user's grants could not be counted");
        }
    }

    async fn end_surplus(&self, newest: &Grant) -> Result<(), StoreError> {
        let filter = GrantFilter {
            subject: Some(newest.user.subject.clone()),
            client: None,
        };
        let mut grants = self.world.store.grants(&filter).await?;
        grants.retain(|grant| grant.user == newest.user && grant.id != newest.id);
        // One whose code nobody has redeemed is none yet, and ends with the code.
        let code_lifetime = self.config.code_lifetime;
        grants.retain(|grant| grant.expires > grant.created.after(code_lifetime));
        // A grant lasts for a fixed time after its last use.
        grants.sort_by_key(|grant| std::cmp::Reverse(grant.expires));
        let (mut all, mut of_client) = (1, 1);
        for grant in grants {
            let same_client = grant.client == newest.client;
            let fits = all < self.config.most_grants
                && !(same_client && of_client >= self.config.most_grants_per_client);
            if fits {
                all += 1;
                of_client += usize::from(same_client);
            } else {
                tracing::info!(grant = %grant.id, "a grant gave way to newer ones of its user");
                self.end_grant(&grant.id).await?;
            }
        }
        Ok(())
    }
}
