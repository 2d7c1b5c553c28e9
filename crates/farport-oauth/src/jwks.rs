//! Public keys that are kept at a URL, and may change there.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::lock::Mutex as Turn;
use url::Url;

use crate::{
    Reach, UnixTime,
    caching::Bounds,
    jwk::KeySet,
    jwt::{self, Claims, Expect, JwtError},
    outgoing::Outgoing,
    provider::World,
};

/// The keys at a URL. They are fetched when they are first needed, kept for as long as their
/// server says (from a minute to a day, ten minutes by default), and fetched again when a token
/// names one that is not there, though not more often than every 30 seconds. However many ask at
/// once, one request is under way at most.
///
/// When they cannot be fetched, those at hand are good for another hour.
pub struct RemoteKeys {
    url: Url,
    reach: Reach,
    state: Mutex<State>,
    /// Held by whoever is fetching.
    fetching: Turn<()>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// When they were last asked for, with whatever outcome.
    asked: Option<UnixTime>,
    /// When that last went wrong, and how; nothing since it last went well.
    failed: Option<(UnixTime, String)>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<KeySet>,
    /// When they are to be fetched again.
    stale: UnixTime,
}

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
    /// Between two requests because of a token that names an unknown key.
    const PAUSE: Duration = Duration::from_secs(30);
    /// After a request that failed.
    const RETRY: Duration = Duration::from_secs(5);
    /// How long keys that cannot be fetched again are good beyond their time.
    const GRACE: Duration = Duration::from_secs(3600);

    /// The keys at `url`, of which nothing is fetched yet.
    pub fn new(url: Url, reach: Reach) -> Self {
        Self {
            url,
            reach,
            state: Mutex::default(),
            fetching: Turn::new(()),
        }
    }

    /// Where they are.
    pub fn url(&self) -> &Url {
        &self.url
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
            Err(JwtError::UnknownKey) => match self.newer(&keys, world).await {
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
        if let Some(keys) = self.fresh(world.now) {
            return Ok(keys);
        }
        let _turn = self.fetching.lock().await;
        // Somebody else may have fetched them meanwhile.
        if let Some(keys) = self.fresh(world.now) {
            return Ok(keys);
        }
        let failed = self.state().failed.clone();
        let why = match failed {
            Some((when, why)) if when.until(world.now) < Self::RETRY => why,
            _ => match self.fetch(world).await {
                Ok(keys) => return Ok(keys),
                Err(why) => why,
            },
        };
        match &self.state().kept {
            Some(kept) if world.now < kept.stale.after(Self::GRACE) => Ok(kept.keys.clone()),
            _ => Err(RemoteKeysError::Unavailable(why)),
        }
    }

    fn fresh(&self, now: UnixTime) -> Option<Arc<KeySet>> {
        let state = self.state();
        let kept = state.kept.as_ref().filter(|kept| now < kept.stale)?;
        Some(kept.keys.clone())
    }

    /// Keys that are newer than `seen`, if there are any.
    async fn newer(&self, seen: &Arc<KeySet>, world: World<'_>) -> Option<Arc<KeySet>> {
        let _turn = self.fetching.lock().await;
        {
            let state = self.state();
            let kept = state.kept.as_ref().map(|kept| &kept.keys);
            if let Some(other) = kept.filter(|keys| !Arc::ptr_eq(keys, seen)) {
                return Some(other.clone());
            }
            let recently = |asked: UnixTime| asked.until(world.now) < Self::PAUSE;
            if state.asked.is_some_and(recently) {
                return None;
            }
        }
        self.fetch(world).await.ok()
    }

    /// Fetches them. Only for who holds the turn.
    async fn fetch(&self, world: World<'_>) -> Result<Arc<KeySet>, String> {
        // Noted before, so that callers who go away while they wait cannot make it more often.
        self.state().asked = Some(world.now);
        let request = Outgoing::get(&self.url, self.reach, Self::MOST_BYTES);
        let fetched = match request.send(&**world.fetcher).await {
            Ok(answer) => answer.good(),
            Err(failure) => Err(failure),
        };
        let read = fetched
            .map_err(|failure| failure.to_string())
            .and_then(|answer| match KeySet::parse(&answer.body) {
                Ok(keys) => Ok((keys, Self::BOUNDS.lifetime(&answer.headers))),
                Err(error) => Err(error.to_string()),
            });
        let mut state = self.state();
        match read {
            Ok((keys, lifetime)) => {
                let keys = Arc::new(keys);
                state.kept = Some(Kept {
                    keys: keys.clone(),
                    stale: world.now.after(lifetime),
                });
                state.failed = None;
                Ok(keys)
            }
            Err(why) => {
                tracing::warn!(url = %self.url, error = %why, "keys cannot be fetched");
                state.failed = Some((world.now, why.clone()));
                Err(why)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &self.url.as_str())
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
