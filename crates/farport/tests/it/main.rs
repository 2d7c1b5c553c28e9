//! Tests of farport over real sockets.

#![allow(clippy::disallowed_methods, reason = "tests choose their URLs")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod support;

mod accepting;
mod asking;
mod authorized;
mod batches;
mod cancelling;
mod credentials;
mod deadlines;
mod documents;
mod external;
mod flood;
mod hijack;
mod home;
mod hostile;
mod in_process;
mod initialized;
mod isolation;
mod legacy;
mod listening;
mod messages;
mod modern;
mod modern_headers;
mod mounted;
mod negotiation;
mod pages;
mod panics;
mod parked;
mod permissions;
mod public_url;
mod rebinding;
mod renewing;
mod resuming;
mod revoking;
mod rules;
mod sending;
mod sessions;
mod sign_in;
mod state;
mod stopping;
mod subscriptions;
mod tasks;
mod tool_results;
