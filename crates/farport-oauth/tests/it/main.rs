//! Tests of farport-oauth at its public boundary.

mod jwks;
mod jwt;
mod support;
