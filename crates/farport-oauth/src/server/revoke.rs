//! Revocation (RFC 7009).

use super::{token::TokenEndpoint, token_request::TokenRequest};
use crate::{Digest, ErrorCode, OAuthError, Site, UnixTime, token::SecretKind};

impl TokenEndpoint {
    /// Handles a request to the revocation endpoint. An unknown token counts as revoked.
    ///
    /// The revocation of a refresh token ends its grant with all tokens; the revocation of an access
    /// token ends only that token.
    ///
    /// # Errors
    /// When the client fails to authenticate, sends no token, or sends a token of another client.
    pub async fn revoke(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        let (client, form) = self.authenticator.read_form(site, request, now).await?;
        let token = form
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let id = Digest::of(token);
        let store = self.core.store();
        // `token_type_hint` is not needed, because the prefix of a token shows its type.
        let refresh = SecretKind::Refresh.fits(token);
        let found = if refresh {
            let found = store.refresh_token(&id).await?;
            found.map(|(token, grant)| (token.wrapped, grant))
        } else if SecretKind::Access.fits(token) {
            let found = store.access_token(&id).await?;
            found.map(|(token, grant)| (token.wrapped, grant))
        } else {
            None
        };
        let Some((wrapped, grant)) = found else {
            return Ok(());
        };
        if grant.client != client.id {
            let text = "the token belongs to another client";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        if refresh {
            let ended = self.grants.end(&grant.id).await?;
            if ended && let Ok(key) = self.core.keys.unwrap(&token.into(), &wrapped) {
                self.grants.revoke_upstream(&grant, &key);
            }
        } else {
            store.remove_access_token(&id).await?;
            self.grants.forget(&grant.id);
        }
        Ok(())
    }
}
