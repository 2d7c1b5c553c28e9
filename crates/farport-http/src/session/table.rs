//! The sessions of this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use farport_core::{
    BoxFuture, BySessionId, Dispatch, EventBudget, EventLog, InUse, Principal, Runtime, SessionId,
    SessionRecord, SessionStore, TaskOwners, policy::Policy,
};
use futures_util::{FutureExt, future::Shared};
use http::HeaderMap;

use super::{
    Session,
    resume::{ResumeError, Resumed, Resumption},
};
use crate::{Limits, refusal::Refusal};

/// Finds sessions: their records in the store, and the live sessions of this process.
pub(crate) struct Sessions {
    store: Arc<dyn SessionStore>,
    /// The log that stores their events, if the store has one.
    log: Option<Arc<dyn EventLog>>,
    live: Arc<RwLock<LiveSessions>>,
    /// The sessions that requests resume at the moment. Concurrent requests for one share its future.
    resuming: Mutex<HashMap<SessionId, Resuming>>,
    /// The permissions, on a protected server.
    policy: Option<Arc<Policy>>,
    /// The owners of tasks, on a protected server.
    tasks: Option<TaskOwners>,
    /// The limit on the total size of all sessions' events.
    budget: Arc<EventBudget>,
    replica: Arc<str>,
    limits: Limits,
}

/// The live sessions of this process.
pub(super) type LiveSessions = HashMap<SessionId, Arc<Session>, BySessionId>;

type Resuming = Shared<BoxFuture<'static, Resumed>>;

impl Sessions {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        policy: Option<Arc<Policy>>,
        tasks: Option<TaskOwners>,
        replica: Arc<str>,
        limits: Limits,
    ) -> Self {
        Self {
            log: store.events(),
            store,
            live: Arc::default(),
            resuming: Mutex::default(),
            policy,
            tasks,
            budget: EventBudget::new(limits.event_bytes),
            replica,
            limits,
        }
    }

    /// Creates a session from `record`. Requests do not find it yet.
    pub(crate) fn create(&self, record: SessionRecord) -> Arc<Session> {
        let replica = self.replica.clone();
        Session::new(record, replica, self.limits.stream, &self.budget)
    }

    /// Makes `session` available to requests. The store may end others to make room.
    pub(crate) async fn admit(
        &self,
        session: &Arc<Session>,
        runtime: &dyn Runtime,
    ) -> Result<(), Refusal> {
        let live = self.live.clone();
        let in_use: InUse = Arc::new(move |id| {
            let live = live.read().unwrap_or_else(PoisonError::into_inner);
            live.get(&id).is_some_and(|session| session.is_busy())
        });
        let record = session.record.clone();
        let ended = self.store.insert(record, runtime.now(), in_use).await;
        let ended = ended.map_err(|error| failed(&error))?;
        let id = session.record.id;
        if let Some(log) = &self.log {
            session.store_in(log.clone());
        }
        self.write().insert(id, session.clone());
        self.close(&ended);
        // Another session may have replaced this one before it was available.
        let record = self.store.get(id, runtime.now()).await;
        if record.map_err(|error| failed(&error))?.is_none() {
            self.close(&[id]);
        }
        Ok(())
    }

    /// Returns the session of this id if it belongs to `principal`. `headers` are those of the request.
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
        if let Some(session) = self.get_live(id) {
            return Ok(session);
        }
        // Another process opened the session.
        let resuming = {
            let mut resuming = self.resuming();
            // A resumed session is added to the live ones before its future is removed.
            if let Some(session) = self.get_live(id) {
                return Ok(session);
            }
            let begin = || {
                let resumption = Resumption {
                    store: self.store.clone(),
                    log: self.log.clone(),
                    policy: self.policy.clone(),
                    tasks: self.tasks.clone(),
                    budget: self.budget.clone(),
                    live: self.live.clone(),
                    dispatch: dispatch.clone(),
                    runtime: runtime.clone(),
                    replica: self.replica.clone(),
                    limits: self.limits,
                    record,
                    principal: principal.clone(),
                    headers: headers.clone(),
                };
                let resumed: BoxFuture<'static, Resumed> = Box::pin(resumption.run());
                resumed.shared()
            };
            resuming.entry(id).or_insert_with(begin).clone()
        };
        let resumed = resuming.clone().await;
        let mut all = self.resuming();
        if all.get(&id).is_some_and(|mine| mine.ptr_eq(&resuming)) {
            all.remove(&id);
        }
        resumed.map_err(|reason| match reason {
            ResumeError::Ended => Refusal::UnknownSession,
            ResumeError::Failed => Refusal::Internal,
        })
    }

    /// Returns the store of the records.
    pub(crate) fn store(&self) -> &Arc<dyn SessionStore> {
        &self.store
    }

    fn get_live(&self, id: SessionId) -> Option<Arc<Session>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).cloned()
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

    /// Ends idle sessions and deletes old streams.
    pub(crate) async fn tidy(&self, runtime: &dyn Runtime) {
        let now = runtime.now();
        let live: Vec<_> = {
            let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
            live.values().cloned().collect()
        };
        for session in live {
            session.tidy(now, self.limits.stream_retention);
            // A lookup in the store keeps a session with an open stream from expiring.
            if session.is_busy()
                && let Err(error) = self.store.get(session.record.id, now).await
            {
                failed(&error);
            }
        }
        match self.store.expire(now).await {
            Ok(expired) => self.close(&expired),
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

    /// Ends the sessions' own streams, during shutdown.
    pub(crate) fn hang_up(&self) {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values().for_each(|session| session.hang_up());
    }

    fn close(&self, ended: &[SessionId]) {
        for id in ended {
            self.resuming().remove(id);
            let session = self.write().remove(id);
            if let Some(session) = session {
                tracing::debug!(session = ?id, "ended a session");
                session.close();
            }
        }
    }

    fn resuming(&self) -> MutexGuard<'_, HashMap<SessionId, Resuming>> {
        self.resuming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, LiveSessions> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a failure. The peer only learns that the server failed.
fn failed(error: &farport_core::StoreError) -> Refusal {
    tracing::error!(%error, "the session store failed");
    Refusal::Internal
}
