//! The OAuth store.

use std::{path::Path, time::Duration};

use farport_oauth::{
    GrantFilter, GrantId, MemoryStore, Redemption, Rotation, RotationTimes, Store,
};
use farport_store::{Sqlite, SqliteOAuth};
use farport_testkit::oauth_store::{NOW, code, digest, grant, tokens};

fn open(folder: &Path) -> SqliteOAuth {
    SqliteOAuth::new(&Sqlite::open(&folder.join("farport.db")).unwrap())
}

mod sqlite {
    farport_testkit::oauth_store_tests!(async || {
        let folder = tempfile::tempdir().unwrap();
        (super::open(folder.path()), folder)
    });
}

/// The same tests for the store in memory.
mod memory {
    farport_testkit::oauth_store_tests!(async || (super::MemoryStore::default(), ()));
}

/// The same tests for a store that is reached through messages.
mod distant {
    use farport_oauth::{
        BoxFuture, MemoryStore, Operation, RemoteStore, StoreError, StoreTransport,
    };

    struct Near(MemoryStore);

    impl StoreTransport for Near {
        fn send(&self, operation: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
            Box::pin(async move { Operation::perform(&operation, &self.0).await })
        }
    }

    farport_testkit::oauth_store_tests!(async || {
        (RemoteStore::new(Near(MemoryStore::default())), ())
    });
}

#[tokio::test]
async fn acknowledged_writes_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let expires = NOW.after(Duration::from_secs(3600));
    let store = open(folder.path());
    store
        .issue(grant("g", "ada", "client"), code("g"))
        .await
        .unwrap();
    let redeemed = store.redeem(&code("g").id, tokens("g", "0"), expires);
    assert_eq!(redeemed.await.unwrap(), Redemption::Redeemed);
    for step in 0..5 {
        drop(open(folder.path()));
        let store = open(folder.path());
        let presented = digest(&format!("refresh {step}"));
        let successor = tokens("g", (step + 1).to_string());
        let times = RotationTimes {
            now: NOW,
            grant_expires: expires,
            concurrent: Duration::ZERO,
            grace: Duration::from_secs(60),
        };
        let rotated = store.rotate(&presented, successor, times);
        assert_eq!(rotated.await.unwrap(), Rotation::Rotated);
    }
    let store = open(folder.path());
    let replayed = store.redeem(&code("g").id, tokens("g", "x"), expires);
    assert_eq!(replayed.await.unwrap(), Redemption::Replayed);
    assert!(
        store
            .grants(&GrantFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_revocation_is_visible_to_other_processes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let expires = NOW.after(Duration::from_secs(3600));
    let (server, command) = (open(folder.path()), open(folder.path()));
    for round in 0..50 {
        let id = format!("g{round}");
        server
            .issue(grant(&id, "ada", "client"), code(&id))
            .await
            .unwrap();
        server
            .redeem(&code(&id).id, tokens(&id, &id), expires)
            .await
            .unwrap();
        let access = digest(&format!("access {id}"));
        assert!(server.access_token(&access).await.unwrap().is_some());
        assert!(command.revoke(&GrantId(id.into())).await.unwrap());
        assert!(server.access_token(&access).await.unwrap().is_none());
    }
}

/// Grants of layout 2 have no deadline and no end of the grace period.
#[tokio::test]
async fn grants_of_an_older_layout_get_a_deadline_and_a_grace_period() {
    const DAY: u64 = 86_400;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farport.db");
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch(include_str!("../../src/schema/1.sql"))
        .unwrap();
    older
        .execute_batch(include_str!("../../src/schema/2.sql"))
        .unwrap();
    older
        .pragma_update(None, "application_id", 0x6661_7270)
        .unwrap();
    older.pragma_update(None, "user_version", 2).unwrap();
    // A recent grant, and one that is older than the default deadline.
    let grants = [("young", NOW.0 - DAY), ("old", NOW.0 - 300 * DAY)];
    let int = |time: u64| i64::try_from(time).unwrap();
    for (id, created) in grants {
        let previous = digest(&format!("refresh {id} 0")).0;
        older
            .execute(
                "INSERT INTO grants VALUES (?1, 'i', 's', 'c', 'r', 'a', '', ?2, ?3, x'00', 0, ?4,
                     ?5, ?6)",
                rusqlite::params![
                    id,
                    int(created),
                    int(NOW.0 + 10 * DAY),
                    digest(&format!("refresh {id} 1")).0,
                    previous,
                    int(NOW.0),
                ],
            )
            .unwrap();
    }
    drop(older);
    let store = open(folder.path());
    for ((id, created), deadline) in grants
        .into_iter()
        .zip([NOW.0 + 179 * DAY, NOW.0 + 10 * DAY])
    {
        let grant = store.grant(&GrantId(id.into())).await.unwrap().unwrap();
        assert_eq!((grant.created.0, grant.used), (created, NOW), "{id}");
        assert_eq!(grant.deadline.0, deadline, "{id}");
        let previous = digest(&format!("refresh {id} 0"));
        assert_eq!(grant.retryable, Some(previous), "{id}");
    }
}
