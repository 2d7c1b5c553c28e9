//! Keys of providers in the keyring.

use std::sync::Arc;

use farport_client::ApiKeys;

use super::super::providers::{self, Provider};
use super::PageChat;
use crate::state::lock;

impl PageChat {
    fn keys(&self) -> Result<ApiKeys, String> {
        let state = self.state.upgrade();
        let state = state.ok_or_else(|| "farport is about to end".to_owned())?;
        Ok(state.store().api_keys())
    }

    /// The provider with its key, which is read from the keyring if it is there.
    pub(super) async fn unlocked(&self, id: &str) -> Result<Arc<Provider>, String> {
        let provider = self.provider(id)?;
        let unlocked = providers::unlock(&self.keys()?, &provider).await;
        let unlocked = unlocked.map_err(|error| error.with_hint())?;
        Ok(self.replace(unlocked))
    }

    /// Puts the key of a provider into the keyring.
    pub(crate) async fn keep_key(&self, id: &str) -> Result<(), String> {
        let provider = self.provider(id)?;
        let known = lock(&self.providers).clone();
        let taken: Vec<&str> = known.iter().map(|one| one.id()).collect();
        let kept = providers::keep_key(&self.keys()?, &provider, &taken).await;
        self.replace(kept.map_err(|error| error.with_hint())?);
        Ok(())
    }

    /// Removes the key of a provider from the keyring. One that farport has read stays in this process.
    pub(crate) async fn forget_key(&self, id: &str) -> Result<(), String> {
        let provider = self.provider(id)?;
        let forgotten = providers::forget_key(&self.keys()?, &provider).await;
        match forgotten.map_err(|error| error.with_hint())? {
            Some(provider) => {
                self.replace(provider);
            }
            None => lock(&self.providers).retain(|one| one.id() != id),
        }
        Ok(())
    }

    fn replace(&self, provider: Provider) -> Arc<Provider> {
        let provider = Arc::new(provider);
        let mut known = lock(&self.providers);
        if let Some(one) = known.iter_mut().find(|one| one.id() == provider.id()) {
            *one = Arc::clone(&provider);
        }
        provider
    }
}
