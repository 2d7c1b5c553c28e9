//! Revocation (RFC 7009).

use super::token::TokenRequest;
use crate::{
    AuthorizationServer, Digest, ErrorCode, GrantId, OAuthError, Site, StoreError, UnixTime,
    token::Kind,
};

impl AuthorizationServer {
    /// Answers the revocation endpoint. An unknown token is as good as revoked.
    ///
    /// Revoking a refresh token ends its grant with every token of it; revoking an access token
    /// ends that token.
    ///
    /// # Errors
    /// When the client is not proven, names no token, or the token is another client's.
    pub async fn revoke(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        let (client, form) = self.form_of_client(site, request, now).await?;
        let token = form
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let id = Digest::of(token);
        let store = &self.world.store;
        // The hint is not needed: a token says of itself what it is.
        let refresh = Kind::Refresh.fits(token);
        let grant = if refresh {
            store.refresh_token(&id).await?.map(|(_, grant)| grant)
        } else if Kind::Access.fits(token) {
            store.access_token(&id).await?.map(|(_, grant)| grant)
        } else {
            None
        };
        let Some(grant) = grant else { return Ok(()) };
        if grant.client != client.id {
            let text = "The token was issued to another client";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        if refresh {
            self.end_grant(&grant.id).await?;
        } else {
            store.remove_access_token(&id).await?;
            self.tokens.forget(&grant.id);
        }
        Ok(())
    }

    /// Ends a grant, here and in the store. Answers whether it was there.
    pub(crate) async fn end_grant(&self, grant: &GrantId) -> Result<bool, StoreError> {
        let was_there = self.world.store.revoke(grant).await?;
        self.tokens.forget(grant);
        Ok(was_there)
    }
}
