//! What every session store has to do, whatever it keeps its records in.
//!
//! [`session_store_tests!`](crate::session_store_tests) makes a test of each rule:
//!
//! ```ignore
//! farport_testkit::session_store_tests!(async |limits| MemorySessions::new(limits));
//! ```
//!
//! [`lasting_session_store_tests!`](crate::lasting_session_store_tests) makes those for stores that
//! are there again after they were closed.

#![expect(clippy::panic, reason = "a suite fails as tests do")]

pub mod events;
pub mod lasting;

use std::{collections::HashSet, fmt::Debug, sync::Arc, time::Duration};

use farport_core::{
    LogLevel, Principal, ProtocolVersion, RawJson, SessionId, SessionLimits, SessionRecord,
    SessionStore, Timestamp,
};
use futures_util::future::join_all;

/// Makes a test of each rule, for the stores that the closure makes: `async |limits| store`.
///
/// The store that is made must be empty. The calling crate needs `tokio` with its macros.
#[macro_export]
macro_rules! session_store_tests {
    ($make:expr) => {
        $crate::session_store_tests!(@each $make,
            a_record_comes_back_as_it_was,
            what_is_not_there_is_not_found,
            a_session_ends_once,
            a_session_expires_when_nobody_has_looked_at_it_for_the_idle_time,
            looking_at_a_session_keeps_it,
            a_session_that_is_over_stays_over_however_often_it_is_asked_for,
            what_expires_is_told_once,
            the_one_that_was_idle_for_longest_makes_room,
            there_is_room_for_one,
            a_clock_that_goes_back_ends_nothing,
            of_many_who_end_a_session_one_does,
            what_has_changed_in_a_record_is_remembered,
            everybody_who_takes_a_session_up_gets_another_number,
        );
    };
    (@each $make:expr, $($rule:ident,)+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::session_store::$rule($make).await;
            }
        )+
    };
}

const IDLE: Duration = Duration::from_secs(1800);

const MOMENT: Duration = Duration::from_millis(1);

const START: Timestamp = Timestamp(1_700_000_000_000);

/// Limits with this bound.
fn limits(most: usize) -> SessionLimits {
    SessionLimits { most, idle: IDLE }
}

#[track_caller]
fn said<T, E: Debug>(answer: Result<T, E>) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error:?}"),
    }
}

fn id(number: u64) -> SessionId {
    match SessionId::parse(&format!("{number:032x}")) {
        Some(id) => id,
        None => panic!("{number} is no id"),
    }
}

fn record(number: u64) -> Arc<SessionRecord> {
    let opening = RawJson::from(format!(r#"{{"capabilities":{{}},"number":{number}}}"#));
    let record = SessionRecord::new(id(number), Principal::Anonymous, &opening);
    record.negotiate(ProtocolVersion::V2025_06_18);
    Arc::new(record)
}

async fn has<S: SessionStore>(store: &S, number: u64, now: Timestamp) -> bool {
    said(store.get(id(number), now).await).is_some()
}

async fn insert<S: SessionStore>(store: &S, number: u64, now: Timestamp) -> Vec<SessionId> {
    said(store.insert(record(number), now).await)
}

/// A record comes back with all that was remembered.
pub async fn a_record_comes_back_as_it_was<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    let opening = RawJson::from(r#"{"capabilities":{"roots":{}},"x":"\u00e9"}"#.to_owned());
    let principal = Principal::user("https://issuer.example", "someone");
    let record = SessionRecord::new(id(7), principal.clone(), &opening);
    record.negotiate(ProtocolVersion::V2025_11_25);
    said(store.insert(Arc::new(record), START).await);
    let Some(found) = said(store.get(id(7), START).await) else {
        panic!("it is not there")
    };
    assert_eq!(found.id, id(7));
    assert_eq!(found.principal, principal);
    assert_eq!(found.initialize, opening);
    assert!(found.interactive);
    assert_eq!(found.version(), ProtocolVersion::V2025_11_25);
}

/// Nothing is found that was not put there.
pub async fn what_is_not_there_is_not_found<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    assert!(!has(&store, 1, START).await);
    insert(&store, 1, START).await;
    assert!(!has(&store, 2, START).await);
    assert!(!said(store.remove(id(2)).await));
    assert_eq!(said(store.expire(START).await), []);
    assert!(has(&store, 1, START).await);
}

/// Ending a session ends it, once.
pub async fn a_session_ends_once<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    assert!(said(store.remove(id(1)).await));
    assert!(!said(store.remove(id(1)).await));
    assert!(!has(&store, 1, START).await);
    let later = START.after(IDLE);
    assert_eq!(said(store.expire(later).await), [], "it is gone already");
}

/// The idle time is counted from when the session was last looked at.
pub async fn a_session_expires_when_nobody_has_looked_at_it_for_the_idle_time<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let looked = START.after(IDLE - MOMENT);
    assert!(has(&store, 1, looked).await);
    assert_eq!(said(store.expire(looked.after(IDLE - MOMENT)).await), []);
    let over = looked.after(IDLE);
    assert!(!has(&store, 1, over).await, "even before it is swept up");
    assert_eq!(said(store.expire(over).await), [id(1)]);
    assert!(!has(&store, 1, looked).await, "whatever the clock says now");
}

/// Sessions that are looked at stay for as long as that goes on.
pub async fn looking_at_a_session_keeps_it<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    insert(&store, 2, START).await;
    let mut now = START;
    for _ in 0..20 {
        now = now.after(IDLE / 2);
        assert!(has(&store, 1, now).await);
        let gone = said(store.expire(now).await);
        assert!(!gone.contains(&id(1)));
    }
    assert!(!has(&store, 2, now).await);
}

/// A client that goes on asking for its old session must not keep it in memory.
pub async fn a_session_that_is_over_stays_over_however_often_it_is_asked_for<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let later = START.after(MOMENT);
    insert(&store, 2, later).await;
    let mut now = START.after(IDLE);
    assert!(has(&store, 2, now).await);
    for _ in 0..3 {
        assert!(!has(&store, 1, now).await);
    }
    now = now.after(MOMENT);
    assert_eq!(said(store.expire(now).await), [id(1)]);
}

/// Whoever holds live parts of sessions hears of each that has expired, and only then.
pub async fn what_expires_is_told_once<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(100)).await;
    for number in 0..50 {
        insert(&store, number, START.after(MOMENT * number as u32)).await;
    }
    let mut told = HashSet::new();
    for step in 0..60 {
        for gone in said(store.expire(START.after(IDLE + MOMENT * step)).await) {
            assert!(told.insert(gone), "{gone:?} twice");
        }
        let expect = 50.min(step as usize + 1);
        assert_eq!(told.len(), expect, "after {step} ms");
    }
}

/// The bound holds, and who has to go for it is the one nobody has looked at for longest.
pub async fn the_one_that_was_idle_for_longest_makes_room<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(3)).await;
    for number in 1..=3 {
        assert_eq!(
            insert(&store, number, START.after(MOMENT * number as u32)).await,
            []
        );
    }
    let mut now = START.after(MOMENT * 10);
    assert!(has(&store, 1, now).await);
    now = now.after(MOMENT);
    assert_eq!(insert(&store, 4, now).await, [id(2)]);
    now = now.after(MOMENT);
    assert_eq!(insert(&store, 5, now).await, [id(3)]);
    now = now.after(MOMENT);
    for (number, expect) in [(1, true), (2, false), (3, false), (4, true), (5, true)] {
        assert_eq!(has(&store, number, now).await, expect, "{number}");
    }
    assert_eq!(
        said(store.expire(now).await),
        [],
        "who made room was told of then"
    );
}

/// The smallest bound is one session.
pub async fn there_is_room_for_one<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
    let store = make(limits(0)).await;
    assert_eq!(insert(&store, 1, START).await, []);
    assert!(has(&store, 1, START).await);
    assert_eq!(insert(&store, 2, START).await, [id(1)]);
    assert!(has(&store, 2, START).await);
}

/// Clocks are set; a session does not end for it.
pub async fn a_clock_that_goes_back_ends_nothing<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    let late = START.after(IDLE * 10);
    insert(&store, 1, late).await;
    assert!(has(&store, 1, START).await);
    assert_eq!(said(store.expire(START).await), []);
    // From then on the time is what the clock says now.
    assert!(has(&store, 1, START.after(IDLE - MOMENT)).await);
    assert!(!has(&store, 1, START.after(IDLE * 2)).await);
}

/// Ending is one step, not a look and a removal.
pub async fn of_many_who_end_a_session_one_does<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let ended = join_all((0..100).map(|_| store.remove(id(1)))).await;
    assert_eq!(
        ended
            .into_iter()
            .filter(|ended| matches!(ended, Ok(true)))
            .count(),
        1
    );
}

/// What a client has set stays set.
pub async fn what_has_changed_in_a_record_is_remembered<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let Some(found) = said(store.get(id(1), START).await) else {
        panic!("it is not there")
    };
    assert!(found.subscriptions().is_empty() && !found.is_initialized());
    found.set_log_level(LogLevel::Warning);
    found.set_initialized();
    found.subscribe("test://a");
    found.subscribe("test://b");
    found.unsubscribe("test://a");
    said(store.update(found).await);
    let Some(found) = said(store.get(id(1), START).await) else {
        panic!("it is not there any more")
    };
    assert_eq!(found.log_level(), LogLevel::Warning);
    assert!(found.is_initialized());
    assert_eq!(found.subscriptions(), ["test://b".into()]);
    // Nothing comes of a session that is not there.
    said(store.update(record(2)).await);
    assert!(!has(&store, 2, START).await);
}

/// Numbers of two processes that serve a session never meet.
pub async fn everybody_who_takes_a_session_up_gets_another_number<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let numbers = join_all((0..100).map(|_| store.revive(id(1)))).await;
    let numbers: HashSet<_> = numbers.into_iter().map(said).collect();
    assert_eq!(numbers, (1..=100).map(Some).collect());
    assert_eq!(said(store.revive(id(2)).await), None);
    said(store.remove(id(1)).await);
    assert_eq!(said(store.revive(id(1)).await), None);
}
