//! OAuth rules without I/O: authorization server, resource server, identity providers.
//!
//! This crate knows OAuth 2.1 and no MCP. It reads no clock, opens no socket and draws no random
//! bytes by itself: time is an argument, and [`Random`], a [`Store`] and a [`Fetcher`] come in
//! through traits.
//!
//! A client's way through the crate:
//!
//! 1. It finds [`ProtectedResourceMetadata`] and [`AuthorizationServerMetadata`].
//! 2. It registers ([`AuthorizationServer::register`]), or is named by the URL of its metadata
//!    document.
//! 3. It sends the user's browser to [`AuthorizationServer::authorize`], and the browser goes from
//!    there from one [`Answer`] to the next until it is sent back with a code.
//! 4. It redeems the code, and refreshes what it got, at [`AuthorizationServer::token`].
//! 5. It brings its access token, and [`AuthorizationServer::authenticate`] says who that is.

mod address;
mod api_tokens;
mod bearer;
mod caching;
mod client;
mod digest;
mod error;
mod external;
mod identity;
mod interaction;
mod json;
pub mod jwk;
pub mod jwks;
pub mod jwt;
mod keys;
mod limiter;
mod outgoing;
mod parameters;
pub mod provider;
mod redirect;
mod remote;
mod resource;
mod scope;
mod server;
mod store;
mod time;
mod token;
mod upstream;
mod world;

pub use address::special_use;
pub use api_tokens::ApiTokens;
pub use bearer::{Authenticated, BearerError, Challenge, UpstreamGrant, bearer_token};
pub use client::{Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin};
pub use digest::Digest;
pub use error::{ErrorCode, OAuthError};
pub use external::ExternalServer;
pub use identity::{Identity, Properties, UpstreamTokens};
pub use interaction::{
    Answer, ConsentPage, Cookies, DEVELOPMENT, Destination, Next, Refused, SetCookie, SignInPage,
    Signed, Stopped, Visit,
};
pub use keys::{Keys, Unopenable};
pub use limiter::Rate;
pub use redirect::{RedirectError, RedirectPolicy};
pub use resource::{NotASite, Site};
pub use scope::{InvalidScope, Scopes};
pub use server::{
    AuthorizationServer, AuthorizationServerMetadata, Config, DocumentError, Introspection,
    NewApiToken, ProtectedResourceMetadata, Registration, SignInMethod, Surroundings, TokenRequest,
    TokenResponse, revoke_grants,
};
pub use store::{
    AccessToken, ApiToken, BoxFuture, Carrier, Code, Consent, ConsentKey, DistantStore, Grant,
    GrantFilter, GrantId, MemoryStore, Operation, Redemption, RefreshToken, Rotation, SignIn,
    Store, StoreError, Stored, Tokens, Transaction, UserId,
};
pub use time::UnixTime;
pub use upstream::UpstreamError;
pub use world::{Fetch, FetchError, Fetcher, Random, Reach};
