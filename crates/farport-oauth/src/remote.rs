//! Documents that are kept at a URL, and may change there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::lock::Mutex as Turn;
use url::Url;

use crate::{
    Reach, UnixTime,
    caching::Bounds,
    outgoing::{Answer, Outgoing},
    provider::World,
};

/// A document at a URL. It is fetched when it is first needed and kept for as long as its server
/// says, within bounds. However many ask at once, one request is under way at most. When it cannot
/// be fetched again, the one at hand is good for another hour.
pub(crate) struct Remote<T> {
    url: Url,
    reach: Reach,
    bounds: Bounds,
    most_bytes: usize,
    state: Mutex<State<T>>,
    /// Held by whoever is fetching.
    fetching: Turn<()>,
}

struct State<T> {
    kept: Option<Kept<T>>,
    /// When it was last asked for, with whatever outcome.
    asked: Option<UnixTime>,
    /// When that last went wrong, and how; nothing since it last went well.
    failed: Option<(UnixTime, String)>,
}

struct Kept<T> {
    document: Arc<T>,
    /// When it is to be fetched again.
    stale: UnixTime,
}

impl<T> Remote<T> {
    /// Between two requests because what was looked for is not in the document.
    const PAUSE: Duration = Duration::from_secs(30);
    /// After a request that failed.
    const RETRY: Duration = Duration::from_secs(5);
    /// How long a document that cannot be fetched again is good beyond its time.
    const GRACE: Duration = Duration::from_secs(3600);

    pub(crate) fn new(url: Url, reach: Reach, bounds: Bounds, most_bytes: usize) -> Self {
        Self {
            url,
            reach,
            bounds,
            most_bytes,
            state: Mutex::new(State {
                kept: None,
                asked: None,
                failed: None,
            }),
            fetching: Turn::new(()),
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// The document, fetched if need be, and read with `read`. An error is for the log.
    pub(crate) async fn get(
        &self,
        world: World<'_>,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        if let Some(document) = self.fresh(world.now) {
            return Ok(document);
        }
        let _turn = self.fetching.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(document) = self.fresh(world.now) {
            return Ok(document);
        }
        let failed = self.state().failed.clone();
        let why = match failed {
            Some((when, why)) if when.until(world.now) < Self::RETRY => why,
            _ => match self.fetch(world, read).await {
                Ok(document) => return Ok(document),
                Err(why) => why,
            },
        };
        match &self.state().kept {
            Some(kept) if world.now < kept.stale.after(Self::GRACE) => Ok(kept.document.clone()),
            _ => Err(why),
        }
    }

    fn fresh(&self, now: UnixTime) -> Option<Arc<T>> {
        let state = self.state();
        let kept = state.kept.as_ref().filter(|kept| now < kept.stale)?;
        Some(kept.document.clone())
    }

    /// A document that is newer than `seen`, if there is any.
    pub(crate) async fn newer(
        &self,
        seen: &Arc<T>,
        world: World<'_>,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Option<Arc<T>> {
        let _turn = self.fetching.lock().await;
        {
            let state = self.state();
            let kept = state.kept.as_ref().map(|kept| &kept.document);
            if let Some(other) = kept.filter(|document| !Arc::ptr_eq(document, seen)) {
                return Some(other.clone());
            }
            let recently = |asked: UnixTime| asked.until(world.now) < Self::PAUSE;
            if state.asked.is_some_and(recently) {
                return None;
            }
        }
        self.fetch(world, read).await.ok()
    }

    /// Fetches it. Only for who holds the turn.
    async fn fetch(
        &self,
        world: World<'_>,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        // Noted before, so that callers who go away while they wait cannot make it more often.
        self.state().asked = Some(world.now);
        let request = Outgoing::get(&self.url, self.reach, self.most_bytes);
        let answer = request.send(&**world.fetcher).await;
        let read = answer
            .and_then(Answer::good)
            .map_err(|failure| failure.to_string())
            .and_then(|answer| Ok((read(&answer)?, self.bounds.lifetime(&answer.headers))));
        let mut state = self.state();
        match read {
            Ok((document, lifetime)) => {
                let document = Arc::new(document);
                state.kept = Some(Kept {
                    document: document.clone(),
                    stale: world.now.after(lifetime),
                });
                state.failed = None;
                Ok(document)
            }
            Err(why) => {
                tracing::warn!(url = %self.url, error = %why, "a document cannot be fetched");
                state.failed = Some((world.now, why.clone()));
                Err(why)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
