//! Tests of farport-oauth at its public boundary.

mod authorize;
mod codes;
mod jwks;
mod jwt;
mod refresh;
mod support;
