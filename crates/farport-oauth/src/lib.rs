//! OAuth without I/O: authorization server, resource server, client and identity providers.
//!
//! This crate implements OAuth 2.1 and knows nothing of MCP. It uses no clock, socket or random
//! source: time is an argument, and [`Random`], [`Store`] and [`Fetcher`] are traits.
//!
//! The path of a client through the crate:
//!
//! 1. It fetches [`ProtectedResourceMetadata`] and [`AuthorizationServerMetadata`].
//! 2. It registers ([`RegistrationEndpoint::register`]), or has a client metadata document.
//! 3. It sends the user's browser to [`Interaction::authorize`]. Each page or redirect is a
//!    [`PageResponse`], until the browser returns to the client with a code.
//! 4. It redeems the code and refreshes its tokens at [`TokenEndpoint::token`].
//! 5. It presents its access token, which [`ResourceServer::authenticate`] validates.
//!
//! [`AuthorizationServer`] hands out these roles.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]

mod address;
mod algorithm;
mod api_tokens;
mod bearer;
mod caching;
pub mod client;
mod digest;
mod environment;
mod error;
mod external;
mod identity;
mod interaction;
mod issuer;
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
mod registered;
mod remote;
mod resource;
mod resource_server;
mod scope;
mod sealer;
mod server;
mod store;
mod time;
mod token;
mod token_cache;
mod upstream;
mod web_url;

pub use address::special_use;
pub use api_tokens::ApiTokens;
pub use bearer::{Authenticated, BearerError, Challenge, UpstreamGrant, bearer_token};
pub use digest::Digest;
pub use environment::{Fetch, FetchError, Fetcher, Random, Reach};
pub use error::{ErrorCode, OAuthError};
pub use external::{ExternalServer, Presenter};
pub use identity::{Identity, Properties, UpstreamTokens};
pub use interaction::{
    AccessTime, ConsentPage, Cookies, DENIED_BY_USER, DEVELOPMENT, Destination, ErrorLink,
    ErrorPage, Interaction, Next, PageRequest, PageResponse, Problem, SetCookie, SignInPage,
    SignedInUser,
};
pub use issuer::same_issuer;
pub use keys::{DecryptError, Keys};
pub use limiter::{AddressLimiter, Limiter, Rate, network};
pub use redirect::{RedirectError, RedirectPolicy};
pub use registered::{Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin};
pub use resource::{InvalidSite, Site};
pub use resource_server::ResourceServer;
pub use scope::{InvalidScope, Scopes};
pub use sealer::Sealer;
pub use server::{
    AuthorizationServer, AuthorizationServerMetadata, Config, DocumentError, Environment,
    Introspection, NewApiToken, ProtectedResourceMetadata, Registration, RegistrationEndpoint,
    SignInMethod, TokenEndpoint, TokenRequest, TokenResponse, revoke_grants,
};
pub use store::{
    AccessToken, ApiToken, BoxFuture, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId,
    MemoryStore, Operation, Redemption, RefreshToken, RemoteStore, Rotation, RotationTimes, SignIn,
    Store, StoreError, StoreTransport, Stored, Tokens, Transaction, UserId,
};
pub use time::UnixTime;
pub use upstream::{UpstreamAccess, UpstreamError, UpstreamRevocations};
pub use web_url::{join_url, parse_url};
