//! Finding clients.

use std::net::IpAddr;

use crate::{AuthorizationServer, Client, ClientId, ErrorCode, OAuthError, UnixTime};

impl AuthorizationServer {
    /// The client of this id: one that the operator named, one that registered itself, or one
    /// whose metadata document stands at the URL that is its id.
    ///
    /// # Errors
    /// When the store fails, or a document cannot be had; the text says why.
    pub(crate) async fn client(
        &self,
        id: &str,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<Option<Client>, OAuthError> {
        if id.len() > ClientId::LONGEST {
            return Ok(None);
        }
        let id = ClientId::from(id);
        if let Some(client) = self.named.get(&id) {
            return Ok(Some(client.clone()));
        }
        if id.as_str().starts_with("https://") {
            if !self.config.client_documents {
                return Ok(None);
            }
            if let Some(client) = self.known_document(&id, now) {
                return Ok(Some(client));
            }
            self.admit_document(address, now)?;
            let client = self.client_document(&id, now).await;
            return client.map(Some).map_err(|error| {
                tracing::debug!(client = %id, %error, "a client's metadata document is not usable");
                // A client whose document cannot be had for a moment must not think that it is
                // unknown, and throw away what it holds.
                let code = match error.is_temporary() {
                    true => ErrorCode::TemporarilyUnavailable,
                    false => ErrorCode::InvalidClient,
                };
                OAuthError::new(code, error.to_string())
            });
        }
        let client = self.world.store.client(&id).await?;
        Ok(client.filter(|client| client.expires.is_none_or(|expires| expires > now)))
    }

    /// Remembers that a registered client is in use.
    pub(crate) async fn client_used(&self, client: &Client, now: UnixTime) {
        // Once a day is often enough for something that lasts for months.
        let later = now.after(self.config.client_lifetime);
        let due = client
            .expires
            .is_some_and(|expires| expires.until(later).as_secs() > 86_400);
        if due && let Err(error) = self.world.store.keep_client(&client.id, later, now).await {
            tracing::error!(%error, "a client's time could not be prolonged");
        }
    }
}
