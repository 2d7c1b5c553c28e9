//! Things that happen at once.

use std::sync::Arc;

use farport_core::{
    MemorySessions, SessionId, SessionLimits, SessionRecord, SessionStore, Stored, Timestamp,
};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::house::{House, next};

/// A store that reads at once, and tells of it only when it is let.
struct Distant {
    store: MemorySessions,
    asked: Semaphore,
    /// A permit for each answer; plenty until the test takes them away.
    answers: Semaphore,
}

impl Distant {
    fn new() -> Self {
        Self {
            store: MemorySessions::new(SessionLimits::default()),
            asked: Semaphore::new(0),
            answers: Semaphore::new(1_000),
        }
    }

    /// From now on nobody is told anything.
    fn hold(&self) {
        self.answers.forget_permits(1_000);
    }

    fn release(&self) {
        self.answers.add_permits(1_000);
    }
}

impl SessionStore for Distant {
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        self.store.insert(record, now)
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        Stored::Later(Box::pin(async move {
            let found = self.store.get(id, now).await;
            self.asked.add_permits(1);
            self.answers.acquire().await.unwrap().forget();
            found
        }))
    }

    fn revive(&self, id: SessionId) -> Stored<'_, Option<u32>> {
        self.store.revive(id)
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
    let store = Arc::new(Distant::new());
    let house = Arc::new(House::with(store.clone()));
    let session = house.open().await;
    // Two look it up and find it; then the first ends it, before the second is told.
    store.asked.forget_permits(1_000);
    store.hold();
    let (ending, name) = (house.clone(), session.clone());
    let ending = tokio::spawn(async move { ending.end(&name).await });
    store.asked.acquire().await.unwrap().forget();
    let (asking, name) = (house.clone(), session.clone());
    let asking = tokio::spawn(async move { asking.has(&name).await });
    store.asked.acquire().await.unwrap().forget();
    store.release();
    assert_eq!(ending.await.unwrap(), StatusCode::NO_CONTENT);
    assert!(!asking.await.unwrap());
    assert!(!house.has(&session).await);
    assert_eq!(house.server.alive(), 0, "nobody has brought it back");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_record_outlived_the_process_is_served_again() {
    let store = Arc::new(MemorySessions::new(SessionLimits::default()));
    let before = House::with(store.clone());
    let session = before.open().await;
    drop(before);
    let after = House::with(store);
    assert!(after.has(&session).await);
    let params = json!({ "texts": ["one"] });
    let mut body = after.ask(&session, 5, "say", params).await.into_body();
    // Primed, as the revision it has negotiated has it.
    assert!(next(&mut body).await.unwrap().starts_with("id: "));
    assert!(next(&mut body).await.unwrap().contains("one"));
    assert_eq!(after.server.alive(), 1);
    assert_eq!(after.end(&session).await, StatusCode::NO_CONTENT);
    drop(body);
    assert_eq!(after.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_about_to_stop_opens_no_stream_that_would_outlive_it() {
    let house = House::new();
    let session = house.open().await;
    let mut listening = house.listen(&session, None).await.into_body();
    next(&mut listening).await.unwrap();
    house.service.stop();
    assert_eq!(next(&mut listening).await, None);
    let refused = house.listen(&session, None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let sse = http::Request::get("/sse").header("accept", "text/event-stream");
    let refused = house.send(sse, "").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    // What is asked on connections that are still open is answered.
    assert!(house.has(&session).await);
}
