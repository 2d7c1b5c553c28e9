//! The revocation of the provider's tokens of ended grants.
//!
//! It is best effort: the server can decrypt a grant only while it handles one of the grant's codes or
//! tokens. So a grant that expires, or that an operator revokes, keeps its tokens at the provider. The
//! requests are sent after the response and are not repeated.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    BoxFuture, Grant, GrantFilter, Properties, SignInMethod, UnixTime, UpstreamTokens, UserId,
    keys::GrantKey, provider::Provider, server::Core,
};

/// The most waiting revocations. Further tokens are not revoked.
const MOST_WAITING: usize = 1_000;

/// The most concurrent tasks.
const MOST_TASKS: usize = 4;

/// The revocation of the provider's tokens of ended grants.
pub struct UpstreamRevocations {
    core: Arc<Core>,
    waiting: Mutex<VecDeque<Ended>>,
    tasks: AtomicUsize,
}

impl fmt::Debug for UpstreamRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamRevocations")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

/// The tokens of an ended grant.
struct Ended {
    user: UserId,
    tokens: UpstreamTokens,
}

/// A running task.
struct Task(Arc<UpstreamRevocations>);

impl Task {
    fn start(revocations: &Arc<UpstreamRevocations>) -> Option<Self> {
        let started = revocations.tasks.fetch_add(1, Ordering::SeqCst);
        // Its `Drop` decrements the count.
        let task = Self(revocations.clone());
        (started < MOST_TASKS).then_some(task)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::SeqCst);
    }
}

impl UpstreamRevocations {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            waiting: Mutex::default(),
            tasks: AtomicUsize::new(0),
        }
    }

    /// Queues the tokens of an ended grant.
    pub(crate) fn push(&self, grant: &Grant, key: &GrantKey) {
        if !matches!(self.core.sign_in, SignInMethod::Provider(_)) {
            return;
        }
        let plain = key.open(&grant.id.0, &grant.sealed).ok();
        let properties = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        let Some(Properties {
            upstream: Some(tokens),
            ..
        }) = properties
        else {
            return;
        };
        let user = grant.user.clone();
        let mut waiting = self.waiting();
        if waiting.len() >= MOST_WAITING {
            drop(waiting);
            tracing::warn!(grant = %grant.id, "too many upstream tokens to revoke; skipped one");
            return;
        }
        waiting.push_back(Ended { user, tokens });
    }

    /// The background work, if there is any. The host runs it after the response to the request that
    /// ended a grant.
    pub fn work(self: &Arc<Self>, now: UnixTime) -> Option<BoxFuture<'static, ()>> {
        let SignInMethod::Provider(provider) = &self.core.sign_in else {
            return None;
        };
        if self.waiting().is_empty() {
            return None;
        }
        let task = Task::start(self)?;
        let provider = provider.clone();
        Some(Box::pin(async move {
            while let Some(ended) = task.0.pop() {
                task.0.revoke(&*provider, ended, now).await;
            }
        }))
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Ended>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pop(&self) -> Option<Ended> {
        self.waiting().pop_front()
    }

    async fn revoke(&self, provider: &dyn Provider, ended: Ended, now: UnixTime) {
        if provider.revokes_all() && self.has_grant(&ended.user, now).await {
            return;
        }
        let context = self.core.fetch_context(now);
        match provider.revoke(&ended.tokens, context).await {
            Ok(()) => tracing::debug!(provider = provider.name(), "revoked upstream tokens"),
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "cannot revoke upstream tokens");
            }
        }
    }

    async fn has_grant(&self, user: &UserId, now: UnixTime) -> bool {
        let filter = GrantFilter {
            subject: Some(user.subject.clone()),
            client: None,
        };
        match self.core.store().grants(&filter).await {
            Ok(grants) => grants
                .iter()
                .any(|grant| grant.user == *user && grant.expires > now),
            Err(error) => {
                tracing::error!(%error, "cannot list a user's grants");
                true
            }
        }
    }
}
