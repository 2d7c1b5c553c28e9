//! The sessions this process holds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use farport_core::{
    BoxFuture, BySessionId, Dispatch, EventLog, Principal, Runtime, SessionId, SessionRecord,
    SessionStore, policy::Policy,
};
use futures_util::{FutureExt, future::Shared};
use http::HeaderMap;

use super::{
    Session,
    revival::{NotRevived, Revival, Revived},
};
use crate::{Limits, refusal::Refusal};

/// Finds sessions: the records in the store, what is alive of them here.
pub(crate) struct Sessions {
    store: Arc<dyn SessionStore>,
    /// Where the store keeps their events, if it does.
    log: Option<Arc<dyn EventLog>>,
    here: Arc<RwLock<Here>>,
    /// Those that are being taken up. All who ask for one wait for the same.
    reviving: Mutex<HashMap<SessionId, Reviving>>,
    /// Who may use what, where not everybody may use everything.
    policy: Option<Arc<Policy>>,
    replica: Arc<str>,
    limits: Limits,
}

/// The sessions that are alive.
pub(super) type Here = HashMap<SessionId, Arc<Session>, BySessionId>;

type Reviving = Shared<BoxFuture<'static, Revived>>;

impl Sessions {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        policy: Option<Arc<Policy>>,
        replica: Arc<str>,
        limits: Limits,
    ) -> Self {
        Self {
            log: store.events(),
            store,
            here: Arc::default(),
            reviving: Mutex::default(),
            policy,
            replica,
            limits,
        }
    }

    /// A session around `record`, known to nobody yet.
    pub(crate) fn make(&self, record: SessionRecord) -> Arc<Session> {
        Session::new(record, self.replica.clone(), self.limits.stream)
    }

    /// Lets clients find `session`. The store may end others to make room.
    pub(crate) async fn admit(
        &self,
        session: &Arc<Session>,
        runtime: &dyn Runtime,
    ) -> Result<(), Refusal> {
        let gone = self
            .store
            .insert(session.record.clone(), runtime.now())
            .await;
        let gone = gone.map_err(|error| failed(&error))?;
        let id = session.record.id;
        if let Some(log) = &self.log {
            session.keep_in(log.clone());
        }
        self.write().insert(id, session.clone());
        self.close(&gone);
        // It may have had to make room itself, before it could be found here.
        let record = self.store.get(id, runtime.now()).await;
        if record.map_err(|error| failed(&error))?.is_none() {
            self.close(&[id]);
        }
        Ok(())
    }

    /// The session of this id, if it is `principal`'s. `headers` are those of the request that
    /// asks for it.
    pub(crate) async fn find(
        &self,
        id: SessionId,
        principal: &Principal,
        headers: &HeaderMap,
        dispatch: &Arc<dyn Dispatch>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Arc<Session>, Refusal> {
        let record = self
            .store
            .get(id, runtime.now())
            .await
            .map_err(|error| failed(&error))?;
        let record = record.filter(|record| record.principal == *principal);
        let record = record.ok_or(Refusal::UnknownSession)?;
        if let Some(session) = self.live(id) {
            return Ok(session);
        }
        // The record outlived the process that opened the session, or lives in another one.
        let reviving = {
            let mut reviving = self.reviving();
            // Whoever was taken up is here before it leaves those that are being taken up.
            if let Some(session) = self.live(id) {
                return Ok(session);
            }
            let begin = || {
                let revival = Revival {
                    store: self.store.clone(),
                    log: self.log.clone(),
                    policy: self.policy.clone(),
                    here: self.here.clone(),
                    dispatch: dispatch.clone(),
                    runtime: runtime.clone(),
                    replica: self.replica.clone(),
                    limits: self.limits,
                    record,
                    principal: principal.clone(),
                    headers: headers.clone(),
                };
                let revived: BoxFuture<'static, Revived> = Box::pin(revival.run());
                revived.shared()
            };
            reviving.entry(id).or_insert_with(begin).clone()
        };
        let revived = reviving.clone().await;
        let mut all = self.reviving();
        if all.get(&id).is_some_and(|mine| mine.ptr_eq(&reviving)) {
            all.remove(&id);
        }
        revived.map_err(|reason| match reason {
            NotRevived::Gone => Refusal::UnknownSession,
            NotRevived::Failed => Refusal::Internal,
        })
    }

    /// Where the records are.
    pub(crate) fn store(&self) -> &Arc<dyn SessionStore> {
        &self.store
    }

    fn live(&self, id: SessionId) -> Option<Arc<Session>> {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        here.get(&id).cloned()
    }

    /// Ends a session.
    pub(crate) async fn end(&self, id: SessionId) -> Result<(), Refusal> {
        self.store
            .remove(id)
            .await
            .map_err(|error| failed(&error))?;
        self.close(&[id]);
        Ok(())
    }

    /// Ends what has been idle for too long, and lets finished streams go.
    pub(crate) async fn tidy(&self, runtime: &dyn Runtime) {
        let now = runtime.now();
        let here: Vec<_> = {
            let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
            here.values().cloned().collect()
        };
        for session in here {
            session.tidy(now, self.limits.stream_retention);
            // Whoever keeps a stream open is not idle.
            if session.is_busy()
                && let Err(error) = self.store.get(session.record.id, now).await
            {
                failed(&error);
            }
        }
        match self.store.expire(now).await {
            Ok(gone) => self.close(&gone),
            Err(error) => {
                failed(&error);
            }
        }
        if let Some(log) = &self.log
            && let Err(error) = log.tidy(now, self.limits.stream_retention).await
        {
            failed(&error);
        }
    }

    /// Sends all listeners away: the process is about to end.
    pub(crate) fn hang_up(&self) {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        here.values().for_each(|session| session.hang_up());
    }

    fn close(&self, gone: &[SessionId]) {
        for id in gone {
            self.reviving().remove(id);
            let session = self.write().remove(id);
            if let Some(session) = session {
                tracing::debug!(session = ?id, "session ended");
                session.close();
            }
        }
    }

    fn reviving(&self) -> MutexGuard<'_, HashMap<SessionId, Reviving>> {
        self.reviving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Here> {
        self.here.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log is told what failed, the peer only that something did.
fn failed(error: &farport_core::StoreError) -> Refusal {
    tracing::error!(%error, "the session store failed");
    Refusal::Internal
}
