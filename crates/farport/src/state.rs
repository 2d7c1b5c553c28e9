//! Where state is kept.

use std::sync::Arc;

use crate::{
    Error,
    auth::{OAuthState, SystemRandom},
    storage::State,
};

/// What an authorization server needs, out of what the server keeps.
pub(crate) fn oauth(state: &State) -> Result<OAuthState, Error> {
    Ok(OAuthState {
        store: state.oauth.clone(),
        keys: state.keys(&SystemRandom)?,
        fetcher: Arc::new(NoFetcher),
    })
}

struct NoFetcher;
impl farport_oauth::Fetcher for NoFetcher {
    fn fetch(
        &self,
        _request: farport_oauth::Fetch,
    ) -> farport_oauth::BoxFuture<'_, Result<http::Response<bytes::Bytes>, farport_oauth::FetchError>>
    {
        Box::pin(async { Err(farport_oauth::FetchError::Failed("not yet".into())) })
    }
}
