//! What an authorization server has to remember.

use std::{path::Path, time::Duration};

use farport_oauth::{GrantFilter, GrantId, MemoryStore, Redemption, Rotation, Store};
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

/// That in memory is held to the same.
mod memory {
    farport_testkit::oauth_store_tests!(async || (super::MemoryStore::default(), ()));
}

/// One that is elsewhere is held to the same, by way of messages.
mod distant {
    use farport_oauth::{BoxFuture, Carrier, DistantStore, MemoryStore, Operation, StoreError};

    struct Near(MemoryStore);

    impl Carrier for Near {
        fn carry(&self, operation: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
            Box::pin(async move { Operation::perform(&operation, &self.0).await })
        }
    }

    farport_testkit::oauth_store_tests!(async || {
        (DistantStore::new(Near(MemoryStore::default())), ())
    });
}

#[tokio::test]
async fn what_was_acknowledged_is_there_again() {
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
        let rotated = store.rotate(&presented, successor, expires, NOW, Duration::ZERO);
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
async fn what_one_process_revokes_is_gone_for_another_at_once() {
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
