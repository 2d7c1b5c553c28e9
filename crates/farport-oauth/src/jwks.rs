//! Public keys that are kept at a URL, and may change there.

use std::{fmt, sync::Arc, time::Duration};

use url::Url;

use crate::{
    Reach,
    caching::Bounds,
    jwk::KeySet,
    jwt::{self, Claims, Expect, JwtError},
    outgoing::Answer,
    provider::World,
    remote::Remote,
};

/// The keys at a URL. They are fetched when they are first needed, kept for as long as their
/// server says (from a minute to a day, ten minutes by default), and fetched again when a token
/// names one that is not there, though not more often than every 30 seconds. However many ask at
/// once, one request is under way at most.
///
/// When they cannot be fetched, those at hand are good for another hour.
pub struct RemoteKeys(Remote<KeySet>);

/// Why a token could not be checked, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// The token is refused.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The keys cannot be had. The text is for the log.
    #[error("the keys cannot be fetched: {0}")]
    Unavailable(String),
}

impl RemoteKeys {
    /// The longest set that is read, in bytes.
    pub const MOST_BYTES: usize = 256 * 1024;

    const BOUNDS: Bounds = Bounds {
        default: Duration::from_secs(600),
        least: Duration::from_secs(60),
        most: Duration::from_secs(24 * 3600),
    };

    /// The keys at `url`, of which nothing is fetched yet.
    pub fn new(url: Url, reach: Reach) -> Self {
        Self(Remote::new(url, reach, Self::BOUNDS, Self::MOST_BYTES))
    }

    /// Where they are.
    pub fn url(&self) -> &Url {
        self.0.url()
    }

    /// Checks a token with them, see [`jwt::verify`].
    ///
    /// # Errors
    /// When the token is refused, or the keys cannot be had.
    pub async fn verify(
        &self,
        token: &str,
        expect: &Expect<'_>,
        world: World<'_>,
    ) -> Result<Claims, RemoteKeysError> {
        let keys = self.keys(world).await?;
        match jwt::verify(token, &keys, expect) {
            Err(JwtError::UnknownKey) => match self.0.newer(&keys, world, read).await {
                Some(keys) => Ok(jwt::verify(token, &keys, expect)?),
                None => Err(JwtError::UnknownKey.into()),
            },
            outcome => Ok(outcome?),
        }
    }

    /// The keys, fetched if need be.
    ///
    /// # Errors
    /// When they cannot be had.
    pub async fn keys(&self, world: World<'_>) -> Result<Arc<KeySet>, RemoteKeysError> {
        let keys = self.0.get(world, read).await;
        keys.map_err(RemoteKeysError::Unavailable)
    }
}

fn read(answer: &Answer) -> Result<KeySet, String> {
    KeySet::parse(&answer.body).map_err(|error| error.to_string())
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &self.0.url().as_str())
            .field("reach", &self.0.reach())
            .finish_non_exhaustive()
    }
}
