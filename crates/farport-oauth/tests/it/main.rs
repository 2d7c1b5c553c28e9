//! Tests of farport-oauth at its public boundary.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod authorize;
mod codes;
mod consent;
mod documents;
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
mod secrets;
mod slack;
mod support;
mod tokens;
