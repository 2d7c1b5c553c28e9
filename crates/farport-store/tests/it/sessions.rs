//! The session store and its event log.

use std::{path::Path, sync::Arc, time::Duration};

use farport_core::{
    InUse, Principal, ProtocolVersion, RawJson, SessionId, SessionLimits, SessionRecord,
    SessionStore, Share, Stored, Timestamp, nothing_in_use,
};
use farport_store::{Sqlite, SqliteSessions};
use tempfile::TempDir;

fn open(folder: &Path, limits: SessionLimits) -> SqliteSessions {
    let database = Sqlite::open(&folder.join("farport.db")).unwrap();
    SqliteSessions::new(&database, limits)
}

/// A store in a temporary folder, which is deleted with it.
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
        self.store.get(id, now)
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

/// Two processes on one file, as when `farport dev` swaps the server.
fn two() -> (TempDir, SqliteSessions, SqliteSessions) {
    let folder = tempfile::tempdir().unwrap();
    let limits = SessionLimits::default();
    let (one, other) = (open(folder.path(), limits), open(folder.path(), limits));
    (folder, one, other)
}

#[tokio::test]
async fn a_session_is_visible_to_other_processes_at_once() {
    let (_folder, one, other) = two();
    for number in 0..50 {
        let record = record(number);
        one.insert(record.clone(), NOW, nothing_in_use())
            .await
            .unwrap();
        let found = other.get(record.id, NOW).await.unwrap();
        assert!(found.is_some(), "{number}");
    }
}

#[tokio::test]
async fn a_sweep_reports_sessions_that_another_process_ended() {
    let (_folder, one, other) = two();
    let (ended, stays) = (record(1), record(2));
    for record in [&ended, &stays] {
        one.insert(record.clone(), NOW, nothing_in_use())
            .await
            .unwrap();
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
async fn a_session_in_use_by_another_process_does_not_expire() {
    let (_folder, one, other) = two();
    let used = record(1);
    one.insert(used.clone(), NOW, nothing_in_use())
        .await
        .unwrap();
    let idle = SessionLimits::default().idle;
    let minute = Duration::from_secs(60);
    let mut now = NOW;
    // For hours, only the other process uses the session.
    for _ in 0..600 {
        now = now.after(minute);
        let found = other.get(used.id, now).await.unwrap().unwrap();
        // The update waits until the time of last use is written.
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
