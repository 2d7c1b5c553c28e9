//! Many callers at the same time: what happens once, happens once.

use std::{sync::Arc, time::Duration};

use farport_oauth::{
    ApiToken, BoxFuture, ClientId, GrantId, Redemption, Rotation, Store, StoreError, Transaction,
    UserId,
};
use tokio::sync::Barrier;

use super::{NOW, client, code, digest, grant, said, samples::text, tokens};

/// How many ask at the same time.
const CALLERS: usize = 100;

/// How often.
const ROUNDS: usize = 50;

/// How often for what is attacked first.
const MANY_ROUNDS: usize = 1000;

const HOUR: Duration = Duration::from_secs(3600);

/// What [`CALLERS`] callers are told who ask on many threads at the same time.
async fn all<S: Store, T: Send + 'static>(
    store: &Arc<S>,
    ask: impl Fn(Arc<S>, usize) -> BoxFuture<'static, Result<T, StoreError>>,
) -> Vec<T> {
    let ready = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (asking, ready) = (ask(store.clone(), caller), ready.clone());
            tokio::spawn(async move {
                ready.wait().await;
                asking.await
            })
        })
        .collect();
    let mut told = Vec::with_capacity(CALLERS);
    for caller in callers {
        told.push(said(said(caller.await)));
    }
    told
}

fn many<T: PartialEq>(told: &[T], what: &T) -> usize {
    told.iter().filter(|one| *one == what).count()
}

/// One has tokens; all others end the grant, so that even those are of no use.
pub async fn of_many_who_redeem_a_code_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..MANY_ROUNDS {
        let id = format!("g{round}");
        said(store.issue(grant(&id, "ada", "client"), code(&id)).await);
        let told = all(&store, |store, caller| {
            let id = id.clone();
            Box::pin(async move {
                let issued = tokens(&id, format!("{id} {caller}"));
                let redeemed = store.redeem(&code(&id).id, issued, NOW.after(HOUR));
                redeemed.await
            })
        })
        .await;
        assert_eq!(many(&told, &Redemption::Redeemed), 1, "round {round}");
        assert_eq!(many(&told, &Redemption::Replayed), 1, "round {round}");
        assert_eq!(many(&told, &Redemption::Unknown), CALLERS - 2);
        for caller in 0..CALLERS {
            let access = digest(&format!("access {id} {caller}"));
            assert!(said(store.access_token(&access).await).is_none());
        }
    }
}

/// One has the successor, nobody else's family is ended by it.
pub async fn of_many_who_rotate_a_token_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    let expires = NOW.after(HOUR);
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    said(
        store
            .redeem(&code("g").id, tokens("g", "first"), expires)
            .await,
    );
    let mut present = "first".to_owned();
    for round in 0..MANY_ROUNDS {
        let presented = digest(&format!("refresh {present}"));
        let told = all(&store, |store, caller| {
            Box::pin(async move {
                let successor = tokens("g", format!("{round} {caller}"));
                let moment = Duration::from_secs(10);
                let rotated = store.rotate(&presented, successor, expires, NOW, moment);
                Ok((caller, rotated.await?))
            })
        })
        .await;
        let winners: Vec<_> = told
            .iter()
            .filter(|(_, rotation)| *rotation == Rotation::Rotated)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}: {told:?}");
        let lost = told
            .iter()
            .filter(|(_, rotation)| *rotation == Rotation::Concurrent);
        assert_eq!(lost.count(), CALLERS - 1, "round {round}");
        present = format!("{round} {}", winners[0].0);
        assert!(said(
            store
                .is_present(&digest(&format!("refresh {present}")))
                .await
        ));
    }
}

/// One of them continues what the browser was in the middle of.
pub async fn of_many_who_take_a_transaction_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let id = digest(&round.to_string());
        let transaction = Transaction {
            id,
            expires: NOW.after(HOUR),
            sealed: vec![1, 2, 3],
        };
        said(store.begin(transaction, 10).await);
        let told = all(&store, |store, _| {
            Box::pin(async move { Ok(store.take_transaction(&id).await?.is_some()) })
        })
        .await;
        assert_eq!(many(&told, &true), 1, "round {round}");
    }
}

/// One of them may go on.
pub async fn of_many_who_use_a_name_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let name = digest(&round.to_string());
        let told = all(&store, |store, _| {
            Box::pin(async move { store.use_once(&name, NOW.after(HOUR), NOW).await })
        })
        .await;
        assert_eq!(many(&told, &true), 1, "round {round}");
    }
}

/// One of them has refreshed the upstream's token; the others look at what came of it.
pub async fn of_many_who_replace_properties_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    for round in 0..ROUNDS {
        let told = all(&store, |store, caller| {
            Box::pin(async move {
                let id = GrantId(text("g"));
                let sealed = format!("{round} {caller}").into_bytes();
                let replaced = store.replace_properties(&id, round as u64, sealed);
                Ok((caller, replaced.await?))
            })
        })
        .await;
        let winners: Vec<_> = told.iter().filter(|(_, won)| *won).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let found = said(store.grant(&GrantId(text("g"))).await);
        let expect = format!("{round} {}", winners[0].0).into_bytes();
        assert_eq!(found.map(|found| found.sealed), Some(expect));
    }
}

/// One of them is told that it was there.
pub async fn of_many_who_revoke_a_grant_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let id = format!("g{round}");
        said(store.issue(grant(&id, "ada", "client"), code(&id)).await);
        let told = all(&store, |store, _| {
            let id = GrantId(text(&id));
            Box::pin(async move { store.revoke(&id).await })
        })
        .await;
        assert_eq!(many(&told, &true), 1, "round {round}");
    }
}

/// The same for API tokens.
pub async fn of_many_who_revoke_an_api_token_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let id = format!("t{round}");
        let token = ApiToken {
            id: text(&id),
            digest: digest(&id),
            label: text("test"),
            user: UserId {
                issuer: text("https://issuer.example"),
                subject: text("ada"),
            },
            scopes: Default::default(),
            created: NOW,
            expires: None,
        };
        said(store.add_api_token(token).await);
        let told = all(&store, |store, _| {
            let id = id.clone();
            Box::pin(async move { store.remove_api_token(&id).await })
        })
        .await;
        assert_eq!(many(&told, &true), 1, "round {round}");
    }
}

/// Also where all come at once.
pub async fn no_flood_exceeds_the_bound<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    let most = 20;
    for round in 0..5 {
        all(&store, |store, caller| {
            Box::pin(async move {
                let name = format!("{round} {caller}");
                store.add_client(client(&name), most, NOW).await?;
                let transaction = Transaction {
                    id: digest(&name),
                    expires: NOW.after(HOUR),
                    sealed: Vec::new(),
                };
                store.begin(transaction, most).await
            })
        })
        .await;
    }
    let (mut clients, mut transactions) = (0, 0);
    for round in 0..5 {
        for caller in 0..CALLERS {
            let name = format!("{round} {caller}");
            let client = store.client(&ClientId::from(&*name)).await;
            clients += usize::from(said(client).is_some());
            let transaction = store.transaction(&digest(&name)).await;
            transactions += usize::from(said(transaction).is_some());
        }
    }
    assert_eq!((clients, transactions), (most, most));
}
