//! The sessions this process holds.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use farport_core::{
    Dispatch, InstanceContext, Principal, Runtime, SessionId, SessionRecord, SessionStore,
};

use super::Session;
use crate::{Limits, refusal::Refusal};

/// Finds sessions: the records in the store, what is alive of them here.
pub(crate) struct Sessions {
    store: Arc<dyn SessionStore>,
    here: RwLock<HashMap<SessionId, Arc<Session>>>,
    replica: Arc<str>,
    limits: Limits,
}

impl Sessions {
    pub(crate) fn new(store: Arc<dyn SessionStore>, replica: Arc<str>, limits: Limits) -> Self {
        Self {
            store,
            here: RwLock::default(),
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
        self.write().insert(id, session.clone());
        self.close(&gone);
        // It may have had to make room itself, before it could be found here.
        let record = self.store.get(id, runtime.now()).await;
        if record.map_err(|error| failed(&error))?.is_none() {
            self.close(&[id]);
        }
        Ok(())
    }

    /// The session of this id, if it is `principal`'s.
    pub(crate) async fn find(
        &self,
        id: SessionId,
        principal: &Principal,
        dispatch: &dyn Dispatch,
        runtime: &dyn Runtime,
    ) -> Result<Arc<Session>, Refusal> {
        let record = self
            .store
            .get(id, runtime.now())
            .await
            .map_err(|error| failed(&error))?;
        let record = record.filter(|record| record.principal == *principal);
        let record = record.ok_or(Refusal::UnknownSession)?;
        let here = self
            .here
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(session) = here {
            return Ok(session);
        }
        // The record outlived the process that opened the session, or lives in another one.
        let context = InstanceContext::new(principal.clone(), Some(id));
        let instance = dispatch.open(&context).map_err(|_| Refusal::Internal)?;
        let session = {
            let mut here = self.write();
            let revived = || Session::revive(record, self.replica.clone(), self.limits.stream);
            let session = here.entry(id).or_insert_with(revived);
            session.serve_with(instance);
            session.clone()
        };
        // It may have ended since its record was read; then nobody else would let it go.
        let record = self.store.get(id, runtime.now()).await;
        if record.map_err(|error| failed(&error))?.is_none() {
            self.close(&[id]);
            return Err(Refusal::UnknownSession);
        }
        Ok(session)
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
    }

    /// Sends all listeners away: the process is about to end.
    pub(crate) fn hang_up(&self) {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        here.values().for_each(|session| session.hang_up());
    }

    fn close(&self, gone: &[SessionId]) {
        for id in gone {
            let session = self.write().remove(id);
            if let Some(session) = session {
                tracing::debug!(session = ?id, "session ended");
                session.close();
            }
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.here.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log is told what failed, the peer only that something did.
fn failed(error: &farport_core::StoreError) -> Refusal {
    tracing::error!(%error, "the session store failed");
    Refusal::Internal
}
