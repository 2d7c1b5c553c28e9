//! The memory of users' consent.

use std::sync::Arc;

use super::{Authorization, ErrorPage};
use crate::{Consent, ConsentKey, Identity, UnixTime, server::Core};

/// The remembered consents.
pub(super) struct Consents(pub(super) Arc<Core>);

impl Consents {
    /// Whether a remembered consent of this user covers the request.
    pub(super) async fn covers(
        &self,
        identity: &Identity,
        authorization: &Authorization,
        now: UnixTime,
    ) -> Result<bool, ErrorPage> {
        if authorization.ask || !authorization.assured || self.0.config.consent_lifetime.is_zero() {
            return Ok(false);
        }
        let key = consent_key(identity, authorization);
        let consent = self.0.store().consent(&key).await?;
        Ok(consent.is_some_and(|consent| {
            consent.expires > now && consent.scopes.covers(&authorization.scopes)
        }))
    }

    /// Remembers the consent of a user.
    pub(super) async fn remember(
        &self,
        identity: &Identity,
        authorization: &Authorization,
        now: UnixTime,
    ) -> Result<(), ErrorPage> {
        let lifetime = self.0.config.consent_lifetime;
        if lifetime.is_zero() || !authorization.assured {
            return Ok(());
        }
        let key = consent_key(identity, authorization);
        // A consent to fewer scopes does not revoke an earlier one.
        let before = self.0.store().consent(&key).await?;
        let before = before.filter(|consent| consent.expires > now);
        let scopes = before.map_or_else(
            || authorization.scopes.clone(),
            |consent| consent.scopes.either(&authorization.scopes),
        );
        let consent = Consent {
            key,
            scopes,
            expires: now.after(lifetime),
        };
        self.0.store().add_consent(consent).await?;
        Ok(())
    }
}

fn consent_key(identity: &Identity, authorization: &Authorization) -> ConsentKey {
    ConsentKey {
        user: identity.user.clone(),
        client: authorization.client.clone(),
        redirect_uri: authorization.redirect_uri.clone(),
        resource: Arc::clone(&authorization.resource),
    }
}
