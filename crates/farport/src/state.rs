//! Where state is kept.

use std::sync::Arc;

use farport_core::Runtime;
use farport_oauth::{Keys, MemoryStore};

use crate::{Error, Settings, TokioRuntime, auth::OAuthState};

pub(crate) fn oauth(_settings: &Settings) -> Result<OAuthState, Error> {
    let mut key = [0; 32];
    TokioRuntime.random(&mut key);
    Ok(OAuthState {
        store: Arc::new(MemoryStore::default()),
        keys: Keys::new(key, []),
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
