//! The tests of this crate's public parts.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod kept_streams;
mod streams;

mod session_stores {
    //! The store in memory does what every store does.

    use farport_core::MemorySessions;

    farport_testkit::session_store_tests!(async |limits| MemorySessions::new(limits));
}
