//! Codes and refresh tokens, one caller after another.

use std::time::Duration;

use farport_oauth::{GrantId, Redemption, Rotation, Store, UnixTime};

use super::{NOW, code, digest, grant, said, samples::text, tokens};

const SECOND: Duration = Duration::from_secs(1);

/// Within this, two who bring the same token came at the same time.
const CONCURRENT: Duration = Duration::from_secs(10);

fn lasts() -> UnixTime {
    NOW.after(Duration::from_secs(3600))
}

fn at(second: u32) -> UnixTime {
    NOW.after(SECOND * second)
}

/// A store with grant `g`, whose code gave it tokens `0`.
async fn with_family<S: Store>(make: impl AsyncFnOnce() -> S) -> S {
    let store = make().await;
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let redeemed = store.redeem(&code("g").id, tokens("g", "0"), lasts());
    assert_eq!(said(redeemed.await), Redemption::Redeemed);
    store
}

async fn rotate<S: Store>(store: &S, from: &str, to: &str, now: UnixTime) -> Rotation {
    let presented = digest(&format!("refresh {from}"));
    let rotated = store.rotate(&presented, tokens("g", to), lasts(), now, CONCURRENT);
    said(rotated.await)
}

/// Which of these access tokens are good, and which of the refresh tokens known and present.
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

/// Then it ends what it gave.
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

/// As it should be.
pub async fn the_present_token_gives_way_to_its_successor<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = with_family(make).await;
    for step in 0..5_u32 {
        let (from, to) = (step.to_string(), (step + 1).to_string());
        // However soon it comes: whoever has the present one has had the last answer.
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

/// Whoever did not get the answer asks again with what they have.
pub async fn a_lost_answer_strands_nobody<S: Store>(make: impl AsyncFnOnce() -> S) {
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

/// The second one is told to use what the first one got.
pub async fn two_at_the_same_time_are_one_family<S: Store>(make: impl AsyncFnOnce() -> S) {
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

/// Somebody has a copy of it; nobody knows who is who.
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

/// A token that was given to somebody and then replaced by a retry is not theirs any more.
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

/// Such a client comes back with a code.
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
