//! Getting new tokens without a user: by a refresh token, or by the client's own credential.

use farport_oauth::client::{GrantRequest, is_client_error};

use super::challenge::Challenge;
use super::metadata::{self, Discovered};
use super::requests::{Requests, is_transient};
use super::state::State;
use super::{Auth, Flow, NextStep, RENEWAL, ServerMetadata, SignInError, token};
use crate::Error;
use crate::http::shown;
use crate::secret::Secret;
use crate::store::{Client, ClientAuth, Record};

impl Auth {
    /// Renews the tokens. `true` when there are other tokens now than `presented`; `false` when the
    /// user has to sign in.
    ///
    /// # Errors
    /// When the authorization server is unavailable. The sign-in stays as it is.
    pub(super) async fn renew(
        &self,
        state: &mut State,
        requests: Requests<'_>,
        presented: Option<&Secret>,
    ) -> Result<bool, Error> {
        let again = matches!(self.options.flow, Flow::ClientCredentials { .. });
        if !again && !state.can_renew() {
            return Ok(false);
        }
        let _guard = self.store.lock(self.identity.key(), RENEWAL).await?;
        state.record = self.load().await?.or(state.record.take());
        if self.has_other_than(state, presented) && state.tokens().is_some_and(|t| self.fresh(t)) {
            return Ok(true);
        }
        if again {
            let found = self
                .discover(state, requests, &Challenge::default())
                .await?;
            self.client_credentials(state, requests, found, &Challenge::default())
                .await?;
            return Ok(true);
        }
        self.refresh(state, requests).await
    }

    async fn refresh(&self, state: &mut State, requests: Requests<'_>) -> Result<bool, Error> {
        if !state.can_renew() {
            return Ok(false);
        }
        let Some(mut record) = state.record.clone() else {
            return Ok(false);
        };
        if record.authorization_server.is_none() {
            // An imported sign-in has no endpoints.
            let found = metadata::discover(
                requests,
                &self.server,
                self.options.allow_http,
                &Challenge::default(),
                None,
            )
            .await?;
            record.resource = self.resource(&found);
            record.authorization_server = Some(found.server);
        }
        let (Some(server), Some(tokens)) = (&record.authorization_server, &record.tokens) else {
            return Ok(false);
        };
        let client = match (&self.options.client_info, &record.client) {
            (Some(_), before) => self.given_client(server, before.as_ref()),
            (None, client) => client.clone(),
        };
        let (Some(client), Some(refresh)) = (client, tokens.refresh.clone()) else {
            return Ok(false);
        };
        let grant = GrantRequest::RefreshToken(refresh.expose());
        let form = grant.fields(None, record.resource.as_deref());
        requests.wait_before(NextStep::Refresh).await;
        let outcome = token::request(&requests, server, &client, form, &tokens.scopes).await;
        match outcome {
            Ok(granted) => {
                let mut renewed = granted.tokens;
                renewed.refresh = renewed.refresh.or(Some(refresh));
                renewed.id_token = renewed.id_token.or_else(|| tokens.id_token.clone());
                record.tokens = Some(renewed);
                record.client = Some(Client {
                    auth: granted.auth,
                    ..client
                });
                record.private_network = self.is_private(state);
                self.store.save(self.identity.key(), &record).await?;
                state.record = Some(record);
                tracing::debug!("the token was refreshed");
                Ok(true)
            }
            Err(Error::SignIn(SignInError::Token { why, code, .. })) => {
                tracing::info!(%why, "the refresh token is no longer accepted");
                state.refused = Some(refresh);
                if is_client_error(&code) && state.drop_client() {
                    self.save(state).await?;
                }
                Ok(false)
            }
            Err(error) => {
                tracing::debug!(transient = is_transient(&error), %error, "no refresh");
                Err(error)
            }
        }
    }

    /// The client of the options, with the authentication that worked the last time.
    pub(super) fn given_client(
        &self,
        server: &ServerMetadata,
        before: Option<&Client>,
    ) -> Option<Client> {
        let wanted = self.options.wanted("token_endpoint_auth_method");
        let mut client = self.options.client_info.as_ref()?.client(server, wanted);
        let by_secret = |auth| matches!(auth, ClientAuth::Basic | ClientAuth::Post);
        if let Some(before) = before
            && before.id == client.id
            && by_secret(before.auth)
            && by_secret(client.auth)
        {
            client.auth = before.auth;
        }
        Some(client)
    }

    /// Gets tokens by the client's own credential (RFC 6749, section 4.4).
    pub(super) async fn client_credentials(
        &self,
        state: &mut State,
        requests: Requests<'_>,
        found: Option<Discovered>,
        challenge: &Challenge,
    ) -> Result<(), Error> {
        let (server, resource, scopes) = match (found, &self.options.flow) {
            (Some(found), _) => {
                let scopes = self.scopes(&found, challenge, None, &[]);
                (found.server.clone(), self.resource(&found), scopes)
            }
            (None, Flow::ClientCredentials { token_endpoint }) => {
                let server = ServerMetadata {
                    issuer: token_endpoint.as_ref().map(shown).unwrap_or_default(),
                    token_endpoint: token_endpoint.clone(),
                    ..ServerMetadata::default()
                };
                let scopes = self.options.scopes().unwrap_or_else(|| challenge.scopes());
                (server, self.options.resource.clone(), scopes)
            }
            (None, _) => return Ok(()),
        };
        // Without one the options were refused.
        let Some(client) = self.given_client(&server, None) else {
            return Ok(());
        };
        let scope = scopes.join(" ");
        let form = GrantRequest::ClientCredentials.fields(Some(&scope), resource.as_deref());
        let tokens = token::request(&requests, &server, &client, form, &scopes).await?;
        let record = Record {
            authorization_server: Some(server),
            resource,
            tokens: Some(tokens.tokens),
            private_network: self.is_private(state),
            ..Record::new(&self.server, self.identity.headers())
        };
        self.store.save(self.identity.key(), &record).await?;
        state.record = Some(record);
        Ok(())
    }
}
