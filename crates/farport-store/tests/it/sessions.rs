//! Sessions and their events.

use std::{path::Path, sync::Arc, time::Duration};

use farport_core::{
    Principal, ProtocolVersion, RawJson, SessionId, SessionLimits, SessionRecord, SessionStore,
    Stored, Timestamp,
};
use farport_store::{Sqlite, SqliteSessions};
use tempfile::TempDir;

fn open(folder: &Path, limits: SessionLimits) -> SqliteSessions {
    let database = Sqlite::open(&folder.join("farport.db")).unwrap();
    SqliteSessions::new(&database, limits)
}

/// A store in a folder that goes with it.
struct Fresh {
    store: SqliteSessions,
    _folder: TempDir,
}

async fn fresh(limits: SessionLimits) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        store: open(folder.path(), limits),
        _folder: folder,
    }
}

impl SessionStore for Fresh {
    fn insert(&self, record: Arc<SessionRecord>, now: Timestamp) -> Stored<'_, Vec<SessionId>> {
        self.store.insert(record, now)
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Stored<'_, Option<Arc<SessionRecord>>> {
        self.store.get(id, now)
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

mod suite {
    farport_testkit::session_store_tests!(super::fresh);
}

mod lasting {
    farport_testkit::lasting_session_store_tests!(|| {
        let folder = tempfile::tempdir().unwrap();
        async move |limits| super::open(folder.path(), limits)
    });
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn record(number: u8) -> Arc<SessionRecord> {
    let id = SessionId::from_bytes([number; 16]);
    let opening = RawJson::from("{}".to_owned());
    let record = SessionRecord::new(id, Principal::Anonymous, &opening);
    record.negotiate(ProtocolVersion::V2025_11_25);
    Arc::new(record)
}

/// Two processes on one file, as during a swap by `farport dev`.
fn two() -> (TempDir, SqliteSessions, SqliteSessions) {
    let folder = tempfile::tempdir().unwrap();
    let limits = SessionLimits::default();
    let (one, other) = (open(folder.path(), limits), open(folder.path(), limits));
    (folder, one, other)
}

#[tokio::test]
async fn what_one_process_opens_another_finds() {
    let (_folder, one, other) = two();
    for number in 0..50 {
        let record = record(number);
        one.insert(record.clone(), NOW).await.unwrap();
        let found = other.get(record.id, NOW).await.unwrap();
        assert!(found.is_some(), "{number}");
    }
}

#[tokio::test]
async fn what_another_process_has_ended_is_told_at_the_next_sweep() {
    let (_folder, one, other) = two();
    let (ended, stays) = (record(1), record(2));
    for record in [&ended, &stays] {
        one.insert(record.clone(), NOW).await.unwrap();
        assert!(other.get(record.id, NOW).await.unwrap().is_some());
    }
    assert_eq!(one.expire(NOW).await.unwrap(), []);
    assert!(other.remove(ended.id).await.unwrap());
    assert_eq!(one.expire(NOW).await.unwrap(), [ended.id]);
    assert!(one.get(ended.id, NOW).await.unwrap().is_none());
    assert!(one.get(stays.id, NOW).await.unwrap().is_some());
    assert_eq!(one.expire(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn what_another_process_uses_does_not_expire() {
    let (_folder, one, other) = two();
    let used = record(1);
    one.insert(used.clone(), NOW).await.unwrap();
    let idle = SessionLimits::default().idle;
    let minute = Duration::from_secs(60);
    let mut now = NOW;
    // Only the other one is asked for it, for hours.
    for _ in 0..600 {
        now = now.after(minute);
        let found = other.get(used.id, now).await.unwrap().unwrap();
        // Time flies here: what the other one has written down has to be there.
        other.update(found).await.unwrap();
        assert_eq!(one.expire(now).await.unwrap(), []);
    }
    assert!(
        one.get(used.id, now.after(idle / 2))
            .await
            .unwrap()
            .is_some()
    );
    let over = now.after(idle * 2);
    assert!(one.get(used.id, over).await.unwrap().is_none());
    assert!(other.get(used.id, over).await.unwrap().is_none());
}
