//! Tests of the public API.

#![expect(clippy::unwrap_used, reason = "test helpers may panic")]

mod event_budget;
mod policy;
mod stored_streams;
mod streams;

mod session_stores {
    //! The store in memory passes the suite for all stores.

    use farport_core::MemorySessions;

    farport_testkit::session_store_tests!(async |limits| MemorySessions::new(limits));
}
