//! What an operator does: API tokens, and the grants of users.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    ApiToken, GrantFilter, GrantId, Random, Scopes, Store, StoreError, UnixTime, UserId,
    token::{self, Kind, digest},
};

/// The issuer of those in whose name API tokens act.
pub(crate) const API_TOKENS: &str = "urn:farport:api-tokens";

/// An API token that an operator wants.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// What it is for. Its holder acts under this name.
    pub label: String,
    /// What it allows.
    pub scopes: Scopes,
    /// How long it is good; for ever, where this is `None`.
    pub lifetime: Option<Duration>,
}

impl NewApiToken {
    /// Makes the token. It is shown now or never: only its digest is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(
        self,
        store: &dyn Store,
        random: &dyn Random,
        now: UnixTime,
    ) -> Result<(ApiToken, SecretString), StoreError> {
        let secret = Kind::Api.random(random);
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

/// Revokes the grants that fit, and forgets that their users consented. Answers which went.
///
/// # Errors
/// When the store fails; some may have gone by then.
pub async fn revoke_grants(
    store: &dyn Store,
    filter: &GrantFilter,
    id: Option<&GrantId>,
) -> Result<Vec<GrantId>, StoreError> {
    let mut gone = Vec::new();
    for grant in store.grants(filter).await? {
        if id.is_some_and(|id| *id != grant.id) {
            continue;
        }
        store.remove_consents(&grant.user, &grant.client).await?;
        if store.revoke(&grant.id).await? {
            gone.push(grant.id);
        }
    }
    Ok(gone)
}
