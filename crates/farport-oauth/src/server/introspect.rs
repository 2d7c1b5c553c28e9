//! Introspection (RFC 7662).

use std::sync::Arc;

use serde::Serialize;

use super::{token::TokenEndpoint, token_request::TokenRequest};
use crate::{
    ClientAuthentication, ClientId, Digest, OAuthError, Scopes, Site, UnixTime, token::SecretKind,
};

/// An introspection response.
#[derive(Debug, Default, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<TokenInfo>,
}

#[derive(Debug, Serialize)]
struct TokenInfo {
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    scope: Scopes,
    client_id: ClientId,
    token_type: &'static str,
    exp: UnixTime,
    iat: UnixTime,
    sub: Arc<str>,
    aud: Arc<str>,
    iss: Arc<str>,
}

impl TokenEndpoint {
    /// Handles a request to the introspection endpoint. A confidential client can introspect its own
    /// tokens; any other token is reported as not active.
    ///
    /// # Errors
    /// When the client fails to authenticate, or is a public client.
    pub async fn introspect(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<Introspection, OAuthError> {
        let (client, form) = self.authenticator.read_form(site, request, now).await?;
        if matches!(client.authentication, ClientAuthentication::None) {
            let text = "a public client cannot introspect tokens";
            return Err(OAuthError::invalid_client(text));
        }
        let token = form
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let id = Digest::of(token);
        let store = self.core.store();
        let info = |scope, token_type, exp, iat, grant: &crate::Grant, aud| TokenInfo {
            scope,
            client_id: grant.client.clone(),
            token_type,
            exp,
            iat,
            sub: grant.user.subject.clone(),
            aud,
            iss: site.issuer().clone(),
        };
        let found = if SecretKind::Refresh.fits(token) {
            // A replaced token is not active, although the store still contains it.
            let found = if store.is_present(&id).await? {
                store.refresh_token(&id).await?
            } else {
                None
            };
            found.map(|(token, grant)| {
                let aud = grant.resource.clone();
                let scopes = grant.scopes.clone();
                let exp = token.expires.min(grant.expires);
                let token = info(scopes, "refresh_token", exp, grant.created, &grant, aud);
                (token, grant.retryable, grant)
            })
        } else if SecretKind::Access.fits(token) {
            store.access_token(&id).await?.map(|(token, grant)| {
                let exp = token.expires.min(grant.expires);
                let aud = token.resource;
                let info = info(token.scopes, "Bearer", exp, token.issued, &grant, aud);
                (info, token.replaces, grant)
            })
        } else {
            None
        };
        let found = found
            .filter(|(token, ..)| token.client_id == client.id && token.exp > now)
            .filter(|(token, ..)| site.holds(&token.aud));
        // The client has the token, so it received the token response.
        if let Some((_, replaces, grant)) = &found {
            self.grants.confirm(*replaces, grant).await?;
        }
        let token = found.map(|(token, ..)| token);
        Ok(Introspection {
            active: token.is_some(),
            token,
        })
    }
}
