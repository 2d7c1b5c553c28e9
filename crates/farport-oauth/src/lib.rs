//! OAuth rules without I/O: authorization server, resource server, identity providers.
//!
//! This crate knows OAuth 2.1 and no MCP. It reads no clock, opens no socket and draws no random
//! bytes by itself: time is an argument, and [`Random`], a [`Store`] and a [`Fetcher`] come in
//! through traits.

mod caching;
mod client;
mod digest;
mod identity;
mod json;
pub mod jwk;
pub mod jwks;
pub mod jwt;
mod outgoing;
pub mod provider;
mod scope;
mod store;
mod time;
mod world;

pub use client::{Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin};
pub use digest::Digest;
pub use identity::{Identity, Properties, UpstreamTokens};
pub use scope::{InvalidScope, Scopes};
pub use store::{
    AccessToken, ApiToken, BoxFuture, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId,
    MemoryStore, Redemption, RefreshToken, Rotation, SignIn, Store, StoreError, Stored, Tokens,
    Transaction, UserId,
};
pub use time::UnixTime;
pub use world::{Fetch, FetchError, Fetcher, Random, Reach};
