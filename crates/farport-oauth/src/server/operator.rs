//! Operations of the operator: creating API tokens and revoking grants.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    ApiToken, GrantFilter, GrantId, Random, Scopes, Store, StoreError, UnixTime, UserId,
    token::{self, SecretKind, digest},
};

/// The issuer of the users of API tokens.
pub(crate) const API_TOKENS: &str = "urn:farport:api-tokens";

/// The parameters of a new API token.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// The purpose of the token. It is also the subject of its holder.
    pub label: String,
    /// The scopes of the token.
    pub scopes: Scopes,
    /// The lifetime of the token; `None` for no expiry.
    pub lifetime: Option<Duration>,
}

impl NewApiToken {
    /// Creates the token. The store keeps only its digest, so the token cannot be shown again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(
        self,
        store: &dyn Store,
        random: &dyn Random,
        now: UnixTime,
    ) -> Result<(ApiToken, SecretString), StoreError> {
        let secret = SecretKind::Api.random(random);
        let label: Arc<str> = self.label.into();
        let token = ApiToken {
            id: token::random_name(random).into(),
            digest: digest(&secret),
            user: UserId {
                issuer: API_TOKENS.into(),
                subject: label.clone(),
            },
            label,
            scopes: self.scopes,
            created: now,
            expires: self.lifetime.map(|lifetime| now.after(lifetime)),
        };
        store.add_api_token(token.clone()).await?;
        Ok((token, secret))
    }
}

/// Revokes the matching grants and the consent for them. Returns the revoked grants.
///
/// # Errors
/// When the store fails. Some grants may have been revoked by then.
pub async fn revoke_grants(
    store: &dyn Store,
    filter: &GrantFilter,
    id: Option<&GrantId>,
) -> Result<Vec<GrantId>, StoreError> {
    let mut revoked = Vec::new();
    for grant in store.grants(filter).await? {
        if id.is_some_and(|id| *id != grant.id) {
            continue;
        }
        store.remove_consents(&grant.user, &grant.client).await?;
        if store.revoke(&grant.id).await? {
            revoked.push(grant.id);
        }
    }
    Ok(revoked)
}
