//! A cache for a document at a URL.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::lock::Mutex as AsyncMutex;
use url::Url;

use crate::{
    Reach, UnixTime,
    caching::Bounds,
    outgoing::{Outgoing, Response},
    provider::FetchContext,
};

/// A cached document at a URL. It is fetched on first use and cached as long as its server says, within
/// bounds. Concurrent callers share one request. If a fetch fails, the cached document stays valid for
/// another hour.
pub(crate) struct Remote<T> {
    url: Url,
    reach: Reach,
    bounds: Bounds,
    most_bytes: usize,
    state: Mutex<State<T>>,
    /// Locked during a fetch.
    fetching: AsyncMutex<()>,
}

struct State<T> {
    cached: Option<Cached<T>>,
    /// The time of the last request.
    requested: Option<UnixTime>,
    /// The time and the error of the last request, if it failed.
    failed: Option<(UnixTime, String)>,
}

struct Cached<T> {
    document: Arc<T>,
    /// When to fetch it again.
    stale: UnixTime,
}

impl<T> Remote<T> {
    /// The least time between two requests for a newer document.
    const PAUSE: Duration = Duration::from_secs(30);
    /// The least time between a failed request and the next one.
    const RETRY: Duration = Duration::from_secs(5);
    /// How long an expired document stays valid while fetches fail.
    const GRACE: Duration = Duration::from_secs(3600);

    pub(crate) fn new(url: Url, reach: Reach, bounds: Bounds, most_bytes: usize) -> Self {
        Self {
            url,
            reach,
            bounds,
            most_bytes,
            state: Mutex::new(State {
                cached: None,
                requested: None,
                failed: None,
            }),
            fetching: AsyncMutex::new(()),
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Returns the document, from the cache or fetched and parsed with `read`. The error is for the log.
    pub(crate) async fn get(
        &self,
        context: FetchContext<'_>,
        read: impl Fn(&Response) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        if let Some(document) = self.fresh(context.now) {
            return Ok(document);
        }
        let _guard = self.fetching.lock().await;
        // Another caller may have fetched it in the meantime.
        if let Some(document) = self.fresh(context.now) {
            return Ok(document);
        }
        let failed = self.state().failed.clone();
        let why = match failed {
            Some((when, why)) if when.until(context.now) < Self::RETRY => why,
            _ => match self.fetch(context, read).await {
                Ok(document) => return Ok(document),
                Err(why) => why,
            },
        };
        match &self.state().cached {
            Some(cached) if context.now < cached.stale.after(Self::GRACE) => {
                Ok(cached.document.clone())
            }
            _ => Err(why),
        }
    }

    fn fresh(&self, now: UnixTime) -> Option<Arc<T>> {
        let state = self.state();
        let cached = state.cached.as_ref();
        let cached = cached.filter(|cached| now < cached.stale)?;
        Some(cached.document.clone())
    }

    /// Returns a document that is newer than `seen`, if there is one.
    pub(crate) async fn newer(
        &self,
        seen: &Arc<T>,
        context: FetchContext<'_>,
        read: impl Fn(&Response) -> Result<T, String>,
    ) -> Option<Arc<T>> {
        let _guard = self.fetching.lock().await;
        {
            let state = self.state();
            let cached = state.cached.as_ref().map(|cached| &cached.document);
            if let Some(other) = cached.filter(|document| !Arc::ptr_eq(document, seen)) {
                return Some(other.clone());
            }
            let recent = |time: UnixTime| time.until(context.now) < Self::PAUSE;
            if state.requested.is_some_and(recent) {
                return None;
            }
        }
        self.fetch(context, read).await.ok()
    }

    /// Fetches the document. The caller holds the lock `fetching`.
    async fn fetch(
        &self,
        context: FetchContext<'_>,
        read: impl Fn(&Response) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        // Set before the request, so that cancelled callers cannot cause more requests.
        self.state().requested = Some(context.now);
        let request = Outgoing::get(&self.url, self.reach, self.most_bytes);
        let response = request.send(&**context.fetcher).await;
        let read = response
            .and_then(Response::ok)
            .map_err(|failure| failure.to_string())
            .and_then(|response| Ok((read(&response)?, self.bounds.lifetime(&response.headers))));
        let mut state = self.state();
        match read {
            Ok((document, lifetime)) => {
                let document = Arc::new(document);
                state.cached = Some(Cached {
                    document: document.clone(),
                    stale: context.now.after(lifetime),
                });
                state.failed = None;
                Ok(document)
            }
            Err(why) => {
                tracing::warn!(url = %self.url, error = %why, "cannot fetch a document");
                state.failed = Some((context.now, why.clone()));
                Err(why)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
