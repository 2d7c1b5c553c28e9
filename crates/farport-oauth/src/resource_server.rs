//! The resource server: the validation of access tokens and API tokens.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Authenticated, BearerError, Digest, Properties, Site, UnixTime, UpstreamGrant,
    server::{Core, Grants},
    token::SecretKind,
    token_cache::{CACHE_LIFETIME, TokenCache},
};

/// The resource server: validates access tokens and API tokens of the authorization server.
pub struct ResourceServer {
    core: Arc<Core>,
    grants: Arc<Grants>,
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

impl ResourceServer {
    pub(crate) fn new(core: Arc<Core>, grants: Arc<Grants>) -> Self {
        Self { core, grants }
    }

    fn cache(&self) -> &TokenCache {
        &self.grants.tokens
    }

    /// Validates `token` for `resource` and returns its holder.
    ///
    /// # Errors
    /// When the token is not valid for the resource, or the store fails.
    pub async fn authenticate(
        &self,
        site: &Site,
        resource: &str,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Authenticated>, BearerError> {
        self.authenticate_within(site, resource, token, now, CACHE_LIFETIME)
            .await
    }

    /// Like [`ResourceServer::authenticate`], but reads the store again if the cached result is
    /// older than `max_age`.
    ///
    /// # Errors
    /// When the token is not valid for the resource, or the store fails.
    pub async fn authenticate_within(
        &self,
        site: &Site,
        resource: &str,
        token: &str,
        now: UnixTime,
        max_age: Duration,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let id = Digest::of(token);
        let (who, audience) = match self.cache().get(&id, now, max_age) {
            Some(cached) => cached,
            None => {
                let found = self.look_up(&id, token, now).await;
                if matches!(found, Err(BearerError::Invalid)) {
                    self.cache().forget_token(&id);
                }
                found?
            }
        };
        // An API token has no audience: it is valid for every resource of its server.
        if !audience.is_empty() && !site.admits(&audience, resource) {
            return Err(BearerError::Invalid);
        }
        Ok(who)
    }

    /// Sets the function to call after this process revokes a grant or a token. Only the first call
    /// has an effect.
    pub fn on_revoked(&self, on_revoked: impl Fn() + Send + Sync + 'static) {
        self.cache().on_revoked(Box::new(on_revoked));
    }

    async fn look_up(
        &self,
        id: &Digest,
        token: &str,
        now: UnixTime,
    ) -> Result<(Arc<Authenticated>, Arc<str>), BearerError> {
        let revocations = self.cache().revocations();
        let found = if SecretKind::Access.fits(token) {
            self.look_up_access(id, token, now).await?
        } else if SecretKind::Api.fits(token) {
            api_token(self.core.store(), id, now).await?
        } else {
            None
        };
        let (who, audience) = found.ok_or(BearerError::Invalid)?;
        let who = Arc::new(who);
        self.cache().put(*id, who.clone(), audience.clone(), now);
        if self.cache().revocations() != revocations {
            // The revocation may have been of this token.
            self.cache().forget_token(id);
        }
        Ok((who, audience))
    }

    async fn look_up_access(
        &self,
        id: &Digest,
        token: &str,
        now: UnixTime,
    ) -> Result<Option<(Authenticated, Arc<str>)>, BearerError> {
        let found = self.core.store().access_token(id).await?;
        let live = found.filter(|(token, grant)| token.expires > now && grant.expires > now);
        let Some((stored, grant)) = live else {
            return Ok(None);
        };
        let opened = self.core.keys.unwrap(&token.into(), &stored.wrapped);
        let opened = opened.and_then(|key| {
            let plain = key.open(&grant.id.0, &grant.sealed)?;
            Ok((key, plain))
        });
        let Ok((key, plain)) = opened else {
            tracing::error!(grant = %grant.id, "cannot decrypt a grant; check the master key");
            return Ok(None);
        };
        let properties: Properties = serde_json::from_slice(&plain)
            .map_err(|_| BearerError::Unavailable("cannot parse a grant's properties".into()))?;
        self.grants.confirm(stored.replaces, &grant).await?;
        let upstream = properties.upstream.is_some().then(|| UpstreamGrant {
            id: grant.id.clone(),
            key,
        });
        let who = Authenticated {
            name: properties.identity.name,
            email: properties.identity.email,
            claims: properties.identity.claims,
            client: Some(grant.client),
            expires: Some(stored.expires.min(grant.expires)),
            grant: Some(grant.id),
            token: Some(*id),
            upstream,
            ..Authenticated::new(grant.user, stored.scopes)
        };
        Ok(Some((who, stored.resource)))
    }
}

/// The holder of an API token. The token has no audience: only its own server accepts it.
pub(crate) async fn api_token(
    store: &dyn crate::Store,
    id: &Digest,
    now: UnixTime,
) -> Result<Option<(Authenticated, Arc<str>)>, BearerError> {
    let token = store.api_token(id).await?;
    let token = token.filter(|token| token.expires.is_none_or(|end| end > now));
    Ok(token.map(|token| {
        let who = Authenticated {
            name: Some(token.label.to_string()),
            expires: token.expires,
            token: Some(*id),
            ..Authenticated::new(token.user, token.scopes)
        };
        (who, "".into())
    }))
}
