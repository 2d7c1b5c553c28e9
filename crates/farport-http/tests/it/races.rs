//! Concurrent requests.

use std::sync::Arc;

use farport_core::{
    InUse, MemorySessions, SessionId, SessionLimits, SessionRecord, SessionStore, Share, Stored,
    Timestamp,
};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::fixture::{Fixture, next};

/// A store whose lookups return only when a test allows it.
struct SlowStore {
    store: MemorySessions,
    /// A permit for each lookup that has started.
    started: Semaphore,
    /// A permit for each lookup that may return. Many, until the test removes them.
    allowed: Semaphore,
}

impl SlowStore {
    fn new() -> Self {
        Self {
            store: MemorySessions::new(SessionLimits::default()),
            started: Semaphore::new(0),
            allowed: Semaphore::new(1_000),
        }
    }

    /// Blocks lookups from now on.
    fn hold(&self) {
        self.allowed.forget_permits(1_000);
    }

    fn release(&self) {
        self.allowed.add_permits(1_000);
    }
}

impl SessionStore for SlowStore {
    fn insert(
        &self,
        record: Arc<SessionRecord>,
        now: Timestamp,
        in_use: InUse,
    ) -> Stored<'_, Vec<SessionId>> {
        self.store.insert(record, now, in_use)
    }

    fn bind_task(&self, id: &str, owner: &Share) -> Stored<'_, bool> {
        self.store.bind_task(id, owner)
    }

    fn task_owner(&self, id: &str) -> Stored<'_, Option<Share>> {
        self.store.task_owner(id)
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        Stored::Later(Box::pin(async move {
            let found = self.store.get(id, now).await;
            self.started.add_permits(1);
            self.allowed.acquire().await.unwrap().forget();
            found
        }))
    }

    fn resume(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        self.store.resume(id)
    }

    fn update(&self, record: Arc<SessionRecord>) -> Stored<'_, ()> {
        self.store.update(record)
    }

    fn remove(&self, id: SessionId) -> Stored<'_, bool> {
        self.store.remove(id)
    }

    fn expire(&self, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        self.store.expire(now)
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_while_it_is_looked_up_stays_ended() {
    let store = Arc::new(SlowStore::new());
    let fixture = Arc::new(Fixture::with(store.clone()));
    let session = fixture.open().await;
    // Two requests look up the session and find it. The first ends it before the second continues.
    store.started.forget_permits(1_000);
    store.hold();
    let (ending, name) = (fixture.clone(), session.clone());
    let ending = tokio::spawn(async move { ending.end(&name).await });
    store.started.acquire().await.unwrap().forget();
    let (asking, name) = (fixture.clone(), session.clone());
    let asking = tokio::spawn(async move { asking.has(&name).await });
    store.started.acquire().await.unwrap().forget();
    store.release();
    assert_eq!(ending.await.unwrap(), StatusCode::NO_CONTENT);
    assert!(!asking.await.unwrap());
    assert!(!fixture.has(&session).await);
    assert_eq!(
        fixture.server.alive(),
        0,
        "the second request did not resume it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_record_outlived_the_process_is_resumed() {
    let store = Arc::new(MemorySessions::new(SessionLimits::default()));
    let before = Fixture::with(store.clone());
    let session = before.open().await;
    drop(before);
    let after = Fixture::with(store);
    assert!(after.has(&session).await);
    let params = json!({ "texts": ["one"] });
    let mut body = after.call(&session, 5, "say", params).await.into_body();
    // Primed, as its revision requires.
    assert!(next(&mut body).await.unwrap().starts_with("id: "));
    assert!(next(&mut body).await.unwrap().contains("one"));
    assert_eq!(after.server.alive(), 1);
    assert_eq!(after.end(&session).await, StatusCode::NO_CONTENT);
    drop(body);
    assert_eq!(after.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_shutting_down_opens_no_stream() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let mut listening = fixture.listen(&session, None).await.into_body();
    next(&mut listening).await.unwrap();
    fixture.service.stop();
    assert_eq!(next(&mut listening).await, None);
    let refused = fixture.listen(&session, None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let sse = http::Request::get("/sse").header("accept", "text/event-stream");
    let refused = fixture.send(sse, "").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Other requests still get a response.
    assert!(fixture.has(&session).await);
}
