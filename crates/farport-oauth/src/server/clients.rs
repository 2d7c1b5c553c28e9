//! The lookup of clients.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use quick_cache::sync::Cache;

use super::{Core, admit, documents::Cached};
use crate::{Client, ClientId, ErrorCode, OAuthError, UnixTime, limiter::AddressLimiter};

/// The clients of the settings, of dynamic registration, and of client metadata documents.
pub(crate) struct Clients {
    pub(super) core: Arc<Core>,
    /// The clients of the settings.
    named: HashMap<ClientId, Client>,
    pub(super) documents: Cache<ClientId, Cached>,
    /// The rate of fetches that requests from one address cause.
    document_rate: AddressLimiter,
}

impl Clients {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let named = core.config.clients.iter();
        Self {
            named: named
                .map(|client| (client.id.clone(), client.clone()))
                .collect(),
            documents: Cache::new(1_000),
            document_rate: AddressLimiter::new(core.config.authorize_rate),
            core,
        }
    }

    /// Finds the client with this ID: in the settings, among the registered clients, or through its
    /// metadata document.
    ///
    /// # Errors
    /// When the store fails, or the client's metadata document cannot be used.
    pub(crate) async fn find(
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
            if !self.core.config.client_documents {
                return Ok(None);
            }
            if let Some(client) = self.known_document(&id, now) {
                return Ok(Some(client));
            }
            admit(&self.document_rate, address, now)?;
            let client = self.client_document(&id, now).await;
            return client.map(Some).map_err(|error| {
                tracing::debug!(client = %id, %error, "cannot use a client metadata document");
                // During an outage of its document's server, a client must not conclude that it is
                // unknown and drop its tokens.
                let code = if error.is_temporary() {
                    ErrorCode::TemporarilyUnavailable
                } else {
                    ErrorCode::InvalidClient
                };
                OAuthError::new(code, error.to_string())
            });
        }
        let client = self.core.store().client(&id).await?;
        Ok(client.filter(|client| client.expires.is_none_or(|expires| expires > now)))
    }

    /// Extends the lifetime of a registered client, because it is in use.
    pub(super) async fn extend(&self, client: &Client, now: UnixTime) {
        // The lifetime is months long, so one write per day is enough.
        let later = now.after(self.core.config.client_lifetime);
        let due = client
            .expires
            .is_some_and(|expires| expires.until(later).as_secs() > 86_400);
        if due && let Err(error) = self.core.store().keep_client(&client.id, later, now).await {
            tracing::error!(%error, "cannot extend the lifetime of a client");
        }
    }
}
