//! Introspection (RFC 7662).

use std::sync::Arc;

use serde::Serialize;

use super::token::TokenRequest;
use crate::{
    AuthorizationServer, ClientAuthentication, ClientId, Digest, OAuthError, Scopes, Site,
    UnixTime, token::Kind,
};

/// What a token is.
#[derive(Debug, Default, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<Described>,
}

#[derive(Debug, Serialize)]
struct Described {
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

impl AuthorizationServer {
    /// Answers the introspection endpoint: for clients that prove themselves, about the tokens
    /// that were issued to them. Any other token is not active to them.
    ///
    /// # Errors
    /// When the client is not proven, or cannot prove itself.
    pub async fn introspect(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<Introspection, OAuthError> {
        let (client, form) = self.form_of_client(site, request, now).await?;
        if matches!(client.authentication, ClientAuthentication::None) {
            let text = "A public client cannot introspect tokens";
            return Err(OAuthError::invalid_client(text));
        }
        let token = form
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let id = Digest::of(token);
        let store = &self.world.store;
        let described = |scope, token_type, exp, iat, grant: &crate::Grant, aud| Described {
            scope,
            client_id: grant.client.clone(),
            token_type,
            exp,
            iat,
            sub: grant.user.subject.clone(),
            aud,
            iss: site.issuer().clone(),
        };
        let found = if Kind::Refresh.fits(token) {
            let found = store.refresh_token(&id).await?;
            let found = found.map(|(token, grant)| {
                let aud = grant.resource.clone();
                let scopes = grant.scopes.clone();
                let exp = token.expires.min(grant.expires);
                described(scopes, "refresh_token", exp, grant.created, &grant, aud)
            });
            // One that was left behind is not active, though it is remembered.
            match store.is_present(&id).await? {
                true => found,
                false => None,
            }
        } else if Kind::Access.fits(token) {
            store.access_token(&id).await?.map(|(token, grant)| {
                let exp = token.expires.min(grant.expires);
                let aud = token.resource;
                described(token.scopes, "Bearer", exp, token.issued, &grant, aud)
            })
        } else {
            None
        };
        let token = found
            .filter(|token| token.client_id == client.id && token.exp > now)
            .filter(|token| site.holds(&token.aud));
        Ok(Introspection {
            active: token.is_some(),
            token,
        })
    }
}
