//! Tests of farport-oauth at its public boundary.

#![allow(clippy::disallowed_methods, reason = "tests choose their URLs")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers panic to fail the test"
)]

mod authorize;
mod client;
mod codes;
mod consent;
mod documents;
mod edges;
mod external;
mod github;
mod jwks;
mod jwt;
mod oauth2;
mod oidc;
mod oidc_refusals;
mod presets;
mod properties;
mod races;
mod refresh;
mod registration;
mod revocations;
mod secrets;
mod slack;
mod support;
mod tokens;
