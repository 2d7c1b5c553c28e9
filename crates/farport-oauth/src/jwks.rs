//! Public keys at a URL, which may change.

use std::{fmt, sync::Arc, time::Duration};

use url::Url;

use crate::{
    Reach,
    caching::Bounds,
    jwk::KeySet,
    jwt::{self, Claims, Expect, JwtError},
    outgoing::Response,
    provider::FetchContext,
    remote::Remote,
};

/// The JWK set at a URL. It is fetched on first use and cached as long as its server says (one minute
/// to one day; ten minutes by default). It is fetched again when a token names an unknown key, at most
/// every 30 seconds. Concurrent callers share one request.
///
/// If a fetch fails, the cached keys stay valid for another hour.
pub struct RemoteKeys(Remote<KeySet>);

/// A token cannot be verified, or is rejected.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// The token is rejected.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The keys are not available. The text is for the log.
    #[error("cannot fetch the keys: {0}")]
    Unavailable(String),
}

impl RemoteKeys {
    /// The largest accepted JWK set, in bytes.
    pub const MOST_BYTES: usize = 256 * 1024;

    const BOUNDS: Bounds = Bounds {
        default: Duration::from_secs(600),
        least: Duration::from_secs(60),
        most: Duration::from_secs(24 * 3600),
    };

    /// Creates the keys at `url`. Fetches nothing yet.
    pub fn new(url: Url, reach: Reach) -> Self {
        Self(Remote::new(url, reach, Self::BOUNDS, Self::MOST_BYTES))
    }

    /// The URL of the keys.
    pub fn url(&self) -> &Url {
        self.0.url()
    }

    /// Verifies a token with these keys; see [`jwt::verify`].
    ///
    /// # Errors
    /// When the token is not valid, or the keys are not available.
    pub async fn verify(
        &self,
        token: &str,
        expect: &Expect<'_>,
        context: FetchContext<'_>,
    ) -> Result<Claims, RemoteKeysError> {
        let keys = self.keys(context).await?;
        match jwt::verify(token, &keys, expect) {
            Err(JwtError::UnknownKey) => match self.0.newer(&keys, context, read).await {
                Some(keys) => Ok(jwt::verify(token, &keys, expect)?),
                None => Err(JwtError::UnknownKey.into()),
            },
            outcome => Ok(outcome?),
        }
    }

    /// Returns the keys, from the cache or fetched.
    ///
    /// # Errors
    /// When the keys cannot be fetched.
    pub async fn keys(&self, context: FetchContext<'_>) -> Result<Arc<KeySet>, RemoteKeysError> {
        let keys = self.0.get(context, read).await;
        keys.map_err(RemoteKeysError::Unavailable)
    }
}

fn read(response: &Response) -> Result<KeySet, String> {
    KeySet::parse(&response.body).map_err(|error| error.to_string())
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &self.0.url().as_str())
            .field("reach", &self.0.reach())
            .finish_non_exhaustive()
    }
}
