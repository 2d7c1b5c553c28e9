//! What the tests share.

mod browser;
mod form;
mod house;
mod issuer;
mod script;
mod sign_in;
mod signer;
mod stand_in;

pub(crate) use browser::{
    Browser, came_back, client, client_error, consent, parameter, provider, refused,
};
pub(crate) use form::Form;
pub(crate) use house::{
    A_WHILE, App, House, ISSUER, MCP, REDIRECT, START, Seeded, VERIFIER, challenge, request,
};
pub(crate) use issuer::Issuer;
pub(crate) use script::{Script, json};
pub(crate) use sign_in::{CALLBACK, NOW, SignIn, query};
pub(crate) use signer::{Signer, signer};
pub(crate) use stand_in::{StandIn, UPSTREAM_LIFETIME, upstream_access};
