//! Tests of farport-oauth at its public boundary.

mod authorize;
mod codes;
mod consent;
mod jwks;
mod jwt;
mod races;
mod refresh;
mod registration;
mod support;
