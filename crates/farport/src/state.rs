//! Where state is kept.

use std::sync::Arc;

use crate::{
    Error,
    auth::{OAuthState, SystemRandom},
    fetcher::WebFetcher,
    storage::State,
};

/// What an authorization server needs, out of what the server keeps.
pub(crate) fn oauth(state: &State) -> Result<OAuthState, Error> {
    Ok(OAuthState {
        store: state.oauth.clone(),
        keys: state.keys(&SystemRandom)?,
        fetcher: Arc::new(WebFetcher::default()),
    })
}
