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
    InUse, LogLevel, Principal, ProtocolVersion, RawJson, SessionId, SessionLimits, SessionRecord,
    SessionStore, Share, Timestamp, nothing_in_use,
};
use futures_util::future::join_all;

/// Creates a test for each rule, for the stores that the closure creates: `async |limits| store`.
///
/// Each store must be empty. The calling crate needs `tokio` with its macros.
#[macro_export]
macro_rules! session_store_tests {
    ($make:expr) => {
        $crate::session_store_tests!(@each $make,
            a_record_comes_back_as_it_was,
            an_unknown_session_is_not_found,
            a_session_ends_once,
            a_session_expires_after_the_idle_time,
            lookups_keep_a_session,
            an_ended_session_stays_ended_despite_lookups,
            each_expiry_is_reported_once,
            the_one_that_was_idle_for_longest_makes_room,
            a_flood_of_one_share_ends_no_session_of_another,
            one_in_use_makes_room_last,
            a_share_has_as_many_as_it_may,
            a_task_has_one_owner,
            a_bound_of_one_works,
            a_clock_that_goes_back_ends_nothing,
            of_many_who_end_a_session_one_does,
            changes_of_a_record_are_stored,
            each_process_that_resumes_a_session_gets_its_own_number,
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

/// Limits with this number of sessions.
fn limits(most: usize) -> SessionLimits {
    SessionLimits {
        most,
        most_of_share: 0,
        idle: IDLE,
    }
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
    said(store.insert(record(number), now, nothing_in_use()).await)
}

/// The store returns a record with all its fields.
pub async fn a_record_comes_back_as_it_was<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    let opening = RawJson::from(r#"{"capabilities":{"roots":{}},"x":"\u00e9"}"#.to_owned());
    let principal = Principal::user("https://issuer.example", "someone");
    let record = SessionRecord::new(id(7), principal.clone(), &opening);
    record.negotiate(ProtocolVersion::V2025_11_25);
    said(
        store
            .insert(Arc::new(record), START, nothing_in_use())
            .await,
    );
    let Some(found) = said(store.get(id(7), START).await) else {
        panic!("it is not there")
    };
    assert_eq!(found.id, id(7));
    assert_eq!(found.principal, principal);
    assert_eq!(found.initialize, opening);
    assert!(found.interactive);
    assert_eq!(found.version(), ProtocolVersion::V2025_11_25);
}

/// The store only finds sessions that were added.
pub async fn an_unknown_session_is_not_found<S: SessionStore>(
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

/// A session can be ended once.
pub async fn a_session_ends_once<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    assert!(said(store.remove(id(1)).await));
    assert!(!said(store.remove(id(1)).await));
    assert!(!has(&store, 1, START).await);
    let later = START.after(IDLE);
    assert_eq!(said(store.expire(later).await), [], "already removed");
}

/// The idle time starts at the last lookup.
pub async fn a_session_expires_after_the_idle_time<S: SessionStore>(
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

/// Regular lookups keep a session.
pub async fn lookups_keep_a_session<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
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

/// A client that keeps requesting its old session must not keep it in memory.
pub async fn an_ended_session_stays_ended_despite_lookups<S: SessionStore>(
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

/// The owner of a session's live parts learns of its expiry exactly once.
pub async fn each_expiry_is_reported_once<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(100)).await;
    for number in 0..50 {
        insert(&store, number, START.after(MOMENT * number as u32)).await;
    }
    let mut expired = HashSet::new();
    for step in 0..60 {
        for gone in said(store.expire(START.after(IDLE + MOMENT * step)).await) {
            assert!(expired.insert(gone), "{gone:?} twice");
        }
        let expect = 50.min(step as usize + 1);
        assert_eq!(expired.len(), expect, "after {step} ms");
    }
}

/// Beyond the bound, the store ends the session that was idle for longest.
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
        "the ended session was already reported"
    );
}

/// The smallest bound is one session.
pub async fn a_bound_of_one_works<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
    let store = make(limits(0)).await;
    assert_eq!(insert(&store, 1, START).await, []);
    assert!(has(&store, 1, START).await);
    assert_eq!(insert(&store, 2, START).await, [id(1)]);
    assert!(has(&store, 2, START).await);
}

/// Setting the clock back ends no session.
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

/// Ending is atomic.
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

/// The store keeps the values that a client has set.
pub async fn changes_of_a_record_are_stored<S: SessionStore>(
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

/// Two processes that serve a session never get the same number.
pub async fn each_process_that_resumes_a_session_gets_its_own_number<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    insert(&store, 1, START).await;
    let numbers = join_all((0..100).map(|_| store.resume(id(1)))).await;
    let numbers: HashSet<_> = numbers.into_iter().map(said).collect();
    assert_eq!(numbers, (1..=100).map(Some).collect());
    assert_eq!(said(store.resume(id(2)).await), None);
    said(store.remove(id(1)).await);
    assert_eq!(said(store.resume(id(1)).await), None);
}

fn of(number: u64, share: &str) -> Arc<SessionRecord> {
    let opening = RawJson::from("{}".to_owned());
    let record = SessionRecord::new(id(number), Principal::Anonymous, &opening);
    record.negotiate(ProtocolVersion::V2025_06_18);
    Arc::new(record.counted_for(Share::named(share)))
}

/// The share that floods the store only displaces its own sessions.
pub async fn a_flood_of_one_share_ends_no_session_of_another<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(10)).await;
    let mut now = START;
    for number in 0..3 {
        said(store.insert(of(number, "ann"), now, nothing_in_use()).await);
    }
    for number in 100..130 {
        now = now.after(MOMENT);
        let gone = said(store.insert(of(number, "bob"), now, nothing_in_use()).await);
        let expect = (number >= 107).then(|| id(number - 7));
        assert_eq!(gone, Vec::from_iter(expect), "{number}");
    }
    for number in [0, 1, 2, 123, 129] {
        assert!(has(&store, number, now).await, "{number}");
    }
    // A newcomer is given room by the one that has most.
    let gone = said(store.insert(of(200, "cy"), now, nothing_in_use()).await);
    assert_eq!(gone.len(), 1);
    assert!(has(&store, 0, now).await && has(&store, 200, now).await);
}

/// A session with an open stream is displaced only if its share has no other.
pub async fn one_in_use_makes_room_last<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let store = make(limits(3)).await;
    let in_use: InUse = Arc::new(|session| session == id(0));
    let mut now = START;
    for (number, expect) in [(0, None), (1, None), (2, None), (3, Some(1)), (4, Some(2))] {
        now = now.after(MOMENT);
        let gone = said(store.insert(of(number, "ann"), now, in_use.clone()).await);
        assert_eq!(gone, Vec::from_iter(expect.map(id)), "{number}");
    }
    let all: InUse = Arc::new(|_| true);
    let gone = said(store.insert(of(5, "ann"), now.after(MOMENT), all).await);
    assert_eq!(gone, [id(0)], "the oldest, where all are in use");
}

/// A share may have its own limit, too.
pub async fn a_share_has_as_many_as_it_may<S: SessionStore>(
    make: impl AsyncFnOnce(SessionLimits) -> S,
) {
    let limits = SessionLimits {
        most_of_share: 2,
        ..limits(10)
    };
    let store = make(limits).await;
    let mut now = START;
    for (number, share, expect) in [
        (0, "ann", None),
        (1, "bob", None),
        (2, "bob", None),
        (3, "bob", Some(1)),
        (4, "ann", None),
        (5, "ann", Some(0)),
    ] {
        now = now.after(MOMENT);
        let gone = said(store.insert(of(number, share), now, nothing_in_use()).await);
        assert_eq!(gone, Vec::from_iter(expect.map(id)), "{number}");
    }
}

/// The first caller to bind a task owns it.
pub async fn a_task_has_one_owner<S: SessionStore>(make: impl AsyncFnOnce(SessionLimits) -> S) {
    let store = make(limits(10)).await;
    let (ann, bob) = (Share::named("ann"), Share::named("bob"));
    assert_eq!(said(store.task_owner("a").await), None);
    assert!(said(store.bind_task("a", &ann).await));
    assert!(said(store.bind_task("a", &ann).await));
    assert!(!said(store.bind_task("a", &bob).await));
    assert_eq!(said(store.task_owner("a").await), Some(ann));
    let long = "x".repeat(100_000);
    assert!(!said(store.bind_task(&long, &bob).await));
    assert_eq!(said(store.task_owner(&long).await), None);
}
