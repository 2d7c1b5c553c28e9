//! Shared test helpers.

mod browser;
mod fake_provider;
mod fixture;
mod form;
mod issuer;
mod script;
mod sign_in;
mod signer;

pub(crate) use browser::{
    Browser, came_back, client, client_error, consent, error_page, parameter, provider,
};
pub(crate) use fake_provider::{FakeProvider, UPSTREAM_LIFETIME, upstream_access};
pub(crate) use fixture::{
    A_WHILE, App, Fixture, ISSUER, MCP, REDIRECT, START, Seeded, VERIFIER, challenge, request,
};
pub(crate) use form::Form;
pub(crate) use issuer::Issuer;
pub(crate) use script::{Script, json};
pub(crate) use sign_in::{CALLBACK, NOW, SignIn, query};
pub(crate) use signer::{Signer, signer};
