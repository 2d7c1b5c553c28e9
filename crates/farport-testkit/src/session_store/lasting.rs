//! What a store that lasts does beyond the end of its process.

use std::{sync::Arc, time::Duration};

use farport_core::{
    LogLevel, Principal, ProtocolVersion, RawJson, SessionRecord, SessionStore, nothing_in_use,
};

use super::{IDLE, MOMENT, START, has, id, insert, limits, said};

/// Creates a test for each rule, for stores that are closed and opened again.
///
/// The argument creates a location and returns a closure that opens the store there, any number of
/// times: `|| { let place = ..; async move |limits| .. }`. The calling crate needs `tokio` with its
/// macros.
#[macro_export]
macro_rules! lasting_session_store_tests {
    ($place:expr) => {
        $crate::lasting_session_store_tests!(@each lasting, $place,
            a_session_survives_unchanged,
            an_ended_session_stays_ended,
            the_idle_time_continues_while_no_process_runs,
            the_bound_counts_sessions_of_earlier_processes,
            numbering_continues_when_a_session_is_resumed,
        );
        $crate::lasting_session_store_tests!(@each events, $place,
            what_a_reader_was_shown_is_kept,
            a_stream_continues_after_a_restart,
            no_more_is_kept_than_the_stream_holds,
            a_released_stream_is_deleted,
            an_ended_stream_goes_after_its_retention,
            streams_go_with_their_session,
            unanswered_requests_get_an_error,
            the_unanswered_part_of_a_batch_gets_an_error,
            a_session_s_own_stream_has_no_end,
            many_streams_are_kept_in_their_order,
        );
    };
    (@each $suite:ident, $place:expr, $($rule:ident,)+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::session_store::$suite::$rule($place()).await;
            }
        )+
    };
}

/// A record is complete.
pub async fn a_session_survives_unchanged<S: SessionStore>(
    open: impl AsyncFn(farport_core::SessionLimits) -> S,
) {
    let opening = RawJson::from(r#"{"capabilities":{"roots":{}},"x":"\u00e9"}"#.to_owned());
    let principal = Principal::user("https://issuer.example", "someone");
    for (number, principal) in [(1, principal), (2, Principal::Anonymous)] {
        let store = open(limits(10)).await;
        let record = Arc::new(SessionRecord::new(id(number), principal.clone(), &opening));
        record.negotiate(ProtocolVersion::V2025_03_26);
        said(store.insert(record.clone(), START, nothing_in_use()).await);
        record.set_log_level(LogLevel::Critical);
        record.set_initialized();
        record.subscribe("test://\u{e9}?a=\"b\"");
        record.set_state(Some(r#"{"total":7}"#.into()));
        said(store.update(record).await);
        drop(store);
        let store = open(limits(10)).await;
        let Some(found) = said(store.get(id(number), START).await) else {
            panic!("it is not there")
        };
        assert_eq!(found.principal, principal);
        assert_eq!(found.initialize, opening);
        assert!(found.interactive && found.is_initialized());
        assert_eq!(found.version(), ProtocolVersion::V2025_03_26);
        assert_eq!(found.log_level(), LogLevel::Critical);
        assert_eq!(found.subscriptions(), ["test://\u{e9}?a=\"b\"".into()]);
        assert_eq!(found.state().as_deref(), Some(r#"{"total":7}"#));
    }
}

/// An ended session stays ended.
pub async fn an_ended_session_stays_ended<S: SessionStore>(
    open: impl AsyncFn(farport_core::SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    insert(&store, 2, START.after(IDLE)).await;
    assert!(said(store.remove(id(1)).await));
    drop(store);
    let store = open(limits(10)).await;
    let now = START.after(IDLE + MOMENT);
    assert!(!has(&store, 1, now).await);
    assert!(has(&store, 2, now).await);
}

/// The idle time includes the time when no process ran.
pub async fn the_idle_time_continues_while_no_process_runs<S: SessionStore>(
    open: impl AsyncFn(farport_core::SessionLimits) -> S,
) {
    let store = open(limits(10)).await;
    insert(&store, 1, START).await;
    insert(&store, 2, START).await;
    let looked = START.after(Duration::from_secs(600));
    assert!(has(&store, 2, looked).await);
    drop(store);
    let store = open(limits(10)).await;
    let over = START.after(IDLE);
    assert!(!has(&store, 1, over).await);
    assert!(has(&store, 2, over).await, "it was looked at later");
    drop(store);
    let store = open(limits(10)).await;
    assert!(!has(&store, 2, over.after(IDLE)).await);
    let gone = said(store.expire(over.after(IDLE * 2)).await);
    assert_eq!(gone.len(), 2);
    assert_eq!(said(store.expire(over.after(IDLE * 2)).await), []);
}

/// The bound counts all sessions, and ends the one that was idle for longest.
pub async fn the_bound_counts_sessions_of_earlier_processes<S: SessionStore>(
    open: impl AsyncFn(farport_core::SessionLimits) -> S,
) {
    let store = open(limits(3)).await;
    for number in 1..=3 {
        insert(&store, number, START.after(MOMENT * number as u32)).await;
    }
    assert!(has(&store, 1, START.after(MOMENT * 10)).await);
    drop(store);
    let store = open(limits(3)).await;
    assert_eq!(insert(&store, 4, START.after(MOMENT * 11)).await, [id(2)]);
    drop(store);
    let store = open(limits(2)).await;
    let mut gone = insert(&store, 5, START.after(MOMENT * 12)).await;
    gone.sort_unstable();
    assert_eq!(gone, [id(1), id(3)], "a lower bound takes effect");
}

/// The numbers do not restart.
pub async fn numbering_continues_when_a_session_is_resumed<S: SessionStore>(
    open: impl AsyncFn(farport_core::SessionLimits) -> S,
) {
    let store = open(limits(3)).await;
    insert(&store, 1, START).await;
    drop(store);
    for life in 1..4 {
        let store = open(limits(3)).await;
        assert!(has(&store, 1, START).await);
        assert_eq!(said(store.resume(id(1)).await), Some(life));
    }
}
