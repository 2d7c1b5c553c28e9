//! Many callers at the same time: what happens once, happens once.

use std::{sync::Arc, time::Duration};

use farport_oauth::{
    ApiToken, BoxFuture, ClientId, GrantId, Redemption, Rotation, RotationTimes, Store, StoreError,
    Transaction, UnixTime, UserId,
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

/// Runs an operation [`CALLERS`] times at once on many threads. Returns the results.
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
    let mut results = Vec::with_capacity(CALLERS);
    for caller in callers {
        results.push(said(said(caller.await)));
    }
    results
}

fn many<T: PartialEq>(results: &[T], what: &T) -> usize {
    results.iter().filter(|one| *one == what).count()
}

/// One caller gets tokens; the others revoke the grant, so these tokens are useless, too.
pub async fn of_many_who_redeem_a_code_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..MANY_ROUNDS {
        let id = format!("g{round}");
        said(store.issue(grant(&id, "ada", "client"), code(&id)).await);
        let results = all(&store, |store, caller| {
            let id = id.clone();
            Box::pin(async move {
                let issued = tokens(&id, format!("{id} {caller}"));
                let redeemed = store.redeem(&code(&id).id, issued, NOW.after(HOUR));
                redeemed.await
            })
        })
        .await;
        assert_eq!(many(&results, &Redemption::Redeemed), 1, "round {round}");
        assert_eq!(many(&results, &Redemption::Replayed), 1, "round {round}");
        assert_eq!(many(&results, &Redemption::Unknown), CALLERS - 2);
        for caller in 0..CALLERS {
            let access = digest(&format!("access {id} {caller}"));
            assert!(said(store.access_token(&access).await).is_none());
        }
    }
}

fn times(now: UnixTime) -> RotationTimes {
    RotationTimes {
        now,
        grant_expires: NOW.after(HOUR),
        concurrent: Duration::from_secs(10),
        grace: Duration::from_secs(60),
    }
}

/// One caller gets the successor, and no other caller revokes the family.
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
        let results = all(&store, |store, caller| {
            Box::pin(async move {
                let successor = tokens("g", format!("{round} {caller}"));
                let rotated = store.rotate(&presented, successor, times(NOW));
                Ok((caller, rotated.await?))
            })
        })
        .await;
        let winners: Vec<_> = results
            .iter()
            .filter(|(_, rotation)| *rotation == Rotation::Rotated)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        let lost = results
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

/// All callers retry the same lost response: one gets a new one, and one family remains.
pub async fn of_many_who_retry_a_lost_response_one_is_served<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        said(store.issue(grant("g", "ada", "client"), code("g")).await);
        let first = tokens("g", format!("{round} first"));
        let presented = first.refresh.as_ref().map(|token| token.id);
        let Some(presented) = presented else {
            panic!("it has a refresh token")
        };
        said(store.redeem(&code("g").id, first, NOW.after(HOUR)).await);
        let lost = tokens("g", format!("{round} lost"));
        let rotated = said(store.rotate(&presented, lost, times(NOW)).await);
        assert_eq!(rotated, Rotation::Rotated);
        let later = NOW.after(Duration::from_secs(20));
        let rotations = all(&store, |store, caller| {
            Box::pin(async move {
                let successor = tokens("g", format!("{round} {caller}"));
                store.rotate(&presented, successor, times(later)).await
            })
        })
        .await;
        assert_eq!(many(&rotations, &Rotation::Rotated), 1, "round {round}");
        let concurrent = many(&rotations, &Rotation::Concurrent);
        assert_eq!(concurrent, CALLERS - 1, "round {round}");
        assert!(said(store.revoke(&GrantId(text("g"))).await));
    }
}

/// One caller continues the transaction.
pub async fn of_many_who_take_a_transaction_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let id = digest(&round.to_string());
        let transaction = Transaction {
            id,
            expires: NOW.after(HOUR),
            sealed: vec![1, 2, 3],
            share: "".into(),
        };
        said(store.begin(transaction, 10).await);
        let results = all(&store, |store, _| {
            Box::pin(async move { Ok(store.take_transaction(&id).await?.is_some()) })
        })
        .await;
        assert_eq!(many(&results, &true), 1, "round {round}");
    }
}

/// One caller may use the name.
pub async fn of_many_who_use_a_name_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let name = digest(&round.to_string());
        let results = all(&store, |store, _| {
            Box::pin(async move { store.use_once(&name, NOW.after(HOUR), NOW).await })
        })
        .await;
        assert_eq!(many(&results, &true), 1, "round {round}");
    }
}

/// One caller has refreshed the upstream token; the others use the result.
pub async fn of_many_who_replace_properties_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    for round in 0..ROUNDS {
        let results = all(&store, |store, caller| {
            Box::pin(async move {
                let id = GrantId(text("g"));
                let sealed = format!("{round} {caller}").into_bytes();
                let replaced = store.replace_properties(&id, round as u64, sealed);
                Ok((caller, replaced.await?))
            })
        })
        .await;
        let winners: Vec<_> = results.iter().filter(|(_, won)| *won).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let found = said(store.grant(&GrantId(text("g"))).await);
        let expect = format!("{round} {}", winners[0].0).into_bytes();
        assert_eq!(found.map(|found| found.sealed), Some(expect));
    }
}

/// One caller learns that the grant existed.
pub async fn of_many_who_revoke_a_grant_one_does<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = Arc::new(make().await);
    for round in 0..ROUNDS {
        let id = format!("g{round}");
        said(store.issue(grant(&id, "ada", "client"), code(&id)).await);
        let results = all(&store, |store, _| {
            let id = GrantId(text(&id));
            Box::pin(async move { store.revoke(&id).await })
        })
        .await;
        assert_eq!(many(&results, &true), 1, "round {round}");
    }
}

/// The same rule for API tokens.
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
        let results = all(&store, |store, _| {
            let id = id.clone();
            Box::pin(async move { store.remove_api_token(&id).await })
        })
        .await;
        assert_eq!(many(&results, &true), 1, "round {round}");
    }
}

/// The bound holds for concurrent operations, too.
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
                    share: "".into(),
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
