//! The facade's tests, over real sockets.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod support;

mod asking;
mod batches;
mod cancelling;
mod deadlines;
mod external;
mod flood;
mod hijack;
mod hostile;
mod in_process;
mod isolation;
mod legacy;
mod listening;
mod messages;
mod modern;
mod modern_headers;
mod negotiation;
mod pages;
mod panics;
mod permissions;
mod rebinding;
mod renewing;
mod resuming;
mod sending;
mod sessions;
mod sign_in;
mod state;
mod stopping;
mod subscriptions;
mod tool_results;
