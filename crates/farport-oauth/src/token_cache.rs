//! A cache of recently validated tokens.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;

use crate::{Authenticated, Digest, GrantId, UnixTime};

/// A cache of recently validated tokens.
pub(crate) struct TokenCache {
    tokens: Cache<Digest, Cached>,
    /// Counts revocations, so that a token that was read before a revocation is not cached after it.
    revocations: AtomicU64,
    /// Called after each revocation.
    on_revoked: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Clone)]
struct Cached {
    who: Arc<Authenticated>,
    audience: Arc<str>,
    checked: UnixTime,
    until: UnixTime,
}

/// How long a token is cached. A revocation by this process removes the token at once; one by another
/// process takes effect after this time.
pub(crate) const CACHE_LIFETIME: Duration = Duration::from_secs(10);

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            tokens: Cache::new(20_000),
            revocations: AtomicU64::new(0),
            on_revoked: OnceLock::new(),
        }
    }
}

impl TokenCache {
    /// The holder and the audience of a token that was validated within `max_age`.
    pub(crate) fn get(
        &self,
        id: &Digest,
        now: UnixTime,
        max_age: Duration,
    ) -> Option<(Arc<Authenticated>, Arc<str>)> {
        let cached = self.tokens.get(id).filter(|cached| {
            cached.until > now && (max_age >= CACHE_LIFETIME || cached.checked.after(max_age) > now)
        })?;
        Some((cached.who, cached.audience))
    }

    /// Caches a valid token.
    pub(crate) fn put(
        &self,
        id: Digest,
        who: Arc<Authenticated>,
        audience: Arc<str>,
        now: UnixTime,
    ) {
        let limit = now.after(CACHE_LIFETIME);
        let until = who.expires.map_or(limit, |end| end.min(limit));
        let cached = Cached {
            who,
            audience,
            checked: now,
            until,
        };
        self.tokens.insert(id, cached);
    }

    /// Removes the tokens of a grant, after a revocation.
    pub(crate) fn forget(&self, grant: &GrantId) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        self.tokens
            .retain(|_, cached| cached.who.grant.as_ref() != Some(grant));
        if let Some(on_revoked) = self.on_revoked.get() {
            on_revoked();
        }
    }

    /// Removes one token, which is no longer valid.
    pub(crate) fn forget_token(&self, id: &Digest) {
        self.tokens.remove(id);
    }
    /// The number of revocations so far.
    pub(crate) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Sets the function to call after each revocation. Only the first call has an effect.
    pub(crate) fn on_revoked(&self, on_revoked: Box<dyn Fn() + Send + Sync>) {
        let _ = self.on_revoked.set(on_revoked);
    }
}
