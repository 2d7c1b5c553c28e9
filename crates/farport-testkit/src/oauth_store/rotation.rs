//! Codes and refresh tokens, one caller after another.

use std::time::Duration;

use farport_oauth::{GrantId, Redemption, Rotation, RotationTimes, Store, UnixTime};

use super::{NOW, code, digest, grant, said, samples::text, tokens};

const SECOND: Duration = Duration::from_secs(1);

/// The time within which two requests with the same token count as concurrent.
const CONCURRENT: Duration = Duration::from_secs(10);

/// The grace period of a replaced token.
const GRACE: Duration = Duration::from_secs(60);

fn lasts() -> UnixTime {
    NOW.after(Duration::from_secs(3600))
}

fn at(second: u32) -> UnixTime {
    NOW.after(SECOND * second)
}

/// A store with grant `g`, whose code was exchanged for tokens `0`.
async fn with_family<S: Store>(make: impl AsyncFnOnce() -> S) -> S {
    let store = make().await;
    add_family(&store).await;
    store
}

async fn add_family<S: Store>(store: &S) {
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let redeemed = store.redeem(&code("g").id, tokens("g", "0"), lasts());
    assert_eq!(said(redeemed.await), Redemption::Redeemed);
}

async fn rotate<S: Store>(store: &S, from: &str, to: &str, now: UnixTime) -> Rotation {
    let presented = digest(&format!("refresh {from}"));
    let times = RotationTimes {
        now,
        grant_expires: lasts(),
        concurrent: CONCURRENT,
        grace: GRACE,
    };
    said(store.rotate(&presented, tokens("g", to), times).await)
}

/// Marks that the client used a token of the response that replaced this token.
async fn confirm<S: Store>(store: &S, replaced: &str) {
    let replaced = digest(&format!("refresh {replaced}"));
    said(store.confirm(&GrantId(text("g")), &replaced).await);
}

async fn retryable<S: Store>(store: &S) -> Option<farport_oauth::Digest> {
    said(store.grant(&GrantId(text("g"))).await).and_then(|grant| grant.retryable)
}

/// The access tokens that are valid, and the refresh tokens that are known and present.
async fn state<S: Store>(store: &S, names: &[&str]) -> Vec<(bool, bool, bool)> {
    let mut state = Vec::new();
    for name in names {
        let access = digest(&format!("access {name}"));
        let refresh = digest(&format!("refresh {name}"));
        state.push((
            said(store.access_token(&access).await).is_some(),
            said(store.refresh_token(&refresh).await).is_some(),
            said(store.is_present(&refresh).await),
        ));
    }
    state
}

const UNKNOWN: (bool, bool, bool) = (false, false, false);
const BEHIND: (bool, bool, bool) = (true, true, false);
const PRESENT: (bool, bool, bool) = (true, true, true);

async fn lives<S: Store>(store: &S) -> bool {
    said(store.grant(&GrantId(text("g"))).await).is_some()
}

/// A second use revokes the tokens.
pub async fn a_code_is_good_once<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let unknown = store.redeem(&digest("no code"), tokens("g", "0"), lasts());
    assert_eq!(said(unknown.await), Redemption::Unknown);
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let id = code("g").id;
    let Some((found, of)) = said(store.code(&id).await) else {
        panic!("it is not there")
    };
    assert_eq!(format!("{found:?}"), format!("{:?}", code("g")));
    assert_eq!(
        format!("{of:?}"),
        format!("{:?}", grant("g", "ada", "client"))
    );
    let redeemed = store.redeem(&id, tokens("g", "0"), lasts());
    assert_eq!(said(redeemed.await), Redemption::Redeemed);
    let Some((found, of)) = said(store.code(&id).await) else {
        panic!("it is forgotten")
    };
    assert_eq!((found.used, of.expires), (true, lasts()));
    assert_eq!(state(&store, &["0", "1"]).await, [PRESENT, UNKNOWN]);
    let replayed = store.redeem(&id, tokens("g", "1"), lasts());
    assert_eq!(said(replayed.await), Redemption::Replayed);
    assert_eq!(state(&store, &["0", "1"]).await, [UNKNOWN, UNKNOWN]);
    assert!(!lives(&store).await);
    let again = store.redeem(&id, tokens("g", "1"), lasts());
    assert_eq!(said(again.await), Redemption::Unknown);
}

/// The usual rotation.
pub async fn the_present_token_gives_way_to_its_successor<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    for step in 0..5_u32 {
        let (from, to) = (step.to_string(), (step + 1).to_string());
        // No delay is needed: a client that has the present token has received the last response.
        assert_eq!(rotate(&store, &from, &to, NOW).await, Rotation::Rotated);
        assert_eq!(state(&store, &[&from, &to]).await, [BEHIND, PRESENT]);
    }
    assert_eq!(rotate(&store, "none", "x", NOW).await, Rotation::Unknown);
    let refresh = said(store.refresh_token(&digest("refresh 5")).await);
    let Some((token, of)) = refresh else {
        panic!("it is not there")
    };
    assert_eq!(token.wrapped, b"refresh 5");
    assert_eq!((of.id, of.expires), (token.grant, lasts()));
}

/// A client that lost a response retries with the old token.
pub async fn a_client_recovers_from_a_lost_response<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    assert_eq!(rotate(&store, "0", "lost", at(0)).await, Rotation::Rotated);
    assert_eq!(
        rotate(&store, "0", "lost too", at(10)).await,
        Rotation::Rotated
    );
    assert_eq!(rotate(&store, "0", "got", at(20)).await, Rotation::Rotated);
    assert_eq!(
        rotate(&store, "got", "next", at(21)).await,
        Rotation::Rotated
    );
    assert!(lives(&store).await);
    assert_eq!(state(&store, &["got", "next"]).await, [BEHIND, PRESENT]);
}

/// The second request must use the tokens of the first.
pub async fn concurrent_refreshes_share_a_family<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    assert_eq!(rotate(&store, "0", "1", at(5)).await, Rotation::Rotated);
    for second in [5, 6, 14] {
        let second = rotate(&store, "0", "other", at(second)).await;
        assert_eq!(second, Rotation::Concurrent);
    }
    assert_eq!(state(&store, &["other", "1"]).await, [UNKNOWN, PRESENT]);
    assert_eq!(rotate(&store, "1", "2", at(15)).await, Rotation::Rotated);
    assert_eq!(state(&store, &["2"]).await, [PRESENT]);
}

/// The token was copied, and the store cannot tell the client from the thief.
pub async fn a_token_left_behind_ends_its_family<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    for (from, to) in [("0", "1"), ("1", "2")] {
        assert_eq!(rotate(&store, from, to, NOW).await, Rotation::Rotated);
    }
    assert_eq!(rotate(&store, "0", "x", NOW).await, Rotation::Reused);
    assert!(!lives(&store).await);
    let all = state(&store, &["0", "1", "2", "x"]).await;
    assert_eq!(all, [UNKNOWN; 4]);
    assert_eq!(rotate(&store, "2", "3", NOW).await, Rotation::Unknown);
}

/// A retry invalidates the token of the response that it replaces.
pub async fn one_that_is_superseded_by_a_retry_is_left_behind<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = with_family(make).await;
    assert_eq!(
        rotate(&store, "0", "stolen", at(0)).await,
        Rotation::Rotated
    );
    assert_eq!(rotate(&store, "0", "1", at(10)).await, Rotation::Rotated);
    assert_eq!(
        rotate(&store, "stolen", "x", at(20)).await,
        Rotation::Reused
    );
    assert!(!lives(&store).await);
}

/// Such a client needs a new code.
pub async fn a_client_without_refresh_tokens_has_no_family<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let mut issued = tokens("g", "0");
    issued.refresh = None;
    let redeemed = store.redeem(&code("g").id, issued, lasts());
    assert_eq!(said(redeemed.await), Redemption::Redeemed);
    assert_eq!(state(&store, &["0"]).await, [(true, false, false)]);
    assert_eq!(rotate(&store, "0", "1", NOW).await, Rotation::Unknown);
    assert!(lives(&store).await);
}

/// The client has received the response, so nothing was lost.
pub async fn a_replaced_token_is_refused_once_its_successor_s_response_is_used<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = with_family(make).await;
    assert_eq!(retryable(&store).await, None);
    assert_eq!(rotate(&store, "0", "1", at(0)).await, Rotation::Rotated);
    assert_eq!(retryable(&store).await, Some(digest("refresh 0")));
    // Neither a token that was not replaced last nor another grant's means anything.
    for other in ["1", "none"] {
        confirm(&store, other).await;
    }
    said(
        store
            .confirm(&GrantId(text("no grant")), &digest("refresh 0"))
            .await,
    );
    assert_eq!(retryable(&store).await, Some(digest("refresh 0")));
    assert_eq!(rotate(&store, "0", "2", at(10)).await, Rotation::Rotated);
    confirm(&store, "0").await;
    assert_eq!(retryable(&store).await, None);
    assert_eq!(state(&store, &["0", "2"]).await, [BEHIND, PRESENT]);
    // A request that was sent together with the last one is concurrent, and gets nothing.
    assert_eq!(rotate(&store, "0", "x", at(19)).await, Rotation::Concurrent);
    assert_eq!(rotate(&store, "0", "x", at(20)).await, Rotation::Reused);
    assert!(!lives(&store).await);
}

/// The next response may be lost, too.
pub async fn each_replaced_token_has_a_grace_period<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    for step in 0..4_u32 {
        let (from, to) = (step.to_string(), (step + 1).to_string());
        let now = at(step * 30);
        assert_eq!(rotate(&store, &from, "lost", now).await, Rotation::Rotated);
        let now = at(step * 30 + 20);
        assert_eq!(rotate(&store, &from, &to, now).await, Rotation::Rotated);
        confirm(&store, &from).await;
    }
    assert_eq!(state(&store, &["4"]).await, [PRESENT]);
}

/// A retry does not extend the grace period.
pub async fn a_replaced_token_is_refused_after_its_grace_period<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    for retries in [&[][..], &[59], &[10, 20, 30, 40, 50]] {
        add_family(&store).await;
        let grant = async || said(store.grant(&GrantId(text("g"))).await);
        assert_eq!(rotate(&store, "0", "1", at(0)).await, Rotation::Rotated);
        for second in retries {
            let rotated = rotate(&store, "0", &second.to_string(), at(*second)).await;
            assert_eq!(rotated, Rotation::Rotated, "{retries:?}");
            assert_eq!(grant().await.map(|grant| grant.used), Some(at(*second)));
        }
        assert_eq!(rotate(&store, "0", "x", at(70)).await, Rotation::Reused);
        assert!(!lives(&store).await, "{retries:?}");
    }
}

/// The store returns the times of a grant unchanged.
pub async fn a_grant_keeps_its_deadline<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    let made = grant("g", "ada", "client");
    assert_eq!(rotate(&store, "0", "1", at(5)).await, Rotation::Rotated);
    let Some(found) = said(store.grant(&made.id).await) else {
        panic!("it is not there")
    };
    let times = (found.created, found.used, found.expires, found.deadline);
    assert_eq!(times, (NOW, at(5), lasts(), made.deadline));
}

/// The token names the refresh token that its response replaced.
pub async fn an_access_token_names_what_it_replaced<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    let mut issued = tokens("g", "1");
    issued.access.replaces = Some(digest("refresh 0"));
    let times = RotationTimes {
        now: NOW,
        grant_expires: lasts(),
        concurrent: CONCURRENT,
        grace: GRACE,
    };
    said(store.rotate(&digest("refresh 0"), issued, times).await);
    for (name, expect) in [("0", None), ("1", Some(digest("refresh 0")))] {
        let found = said(store.access_token(&digest(&format!("access {name}"))).await);
        let replaces = found.map(|(token, _)| token.replaces);
        assert_eq!(replaces, Some(expect), "{name}");
    }
}
