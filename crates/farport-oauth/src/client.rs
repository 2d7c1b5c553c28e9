//! An OAuth client without I/O.
//!
//! It builds requests and reads responses; the caller sends them. The identity providers, external
//! authorization servers and farport's MCP client all use it:
//!
//! - [`ServerMetadata`] and the URLs where it is published;
//! - [`BearerChallenge`], the `WWW-Authenticate` header of a protected resource;
//! - [`ClientIdentity::form`], an authenticated form request, and [`client_assertion`] for
//!   `private_key_jwt`;
//! - [`authorization_url`] with [`code_challenge`], and [`check_response_issuer`] for the response;
//! - [`GrantRequest`], the fields of a token request, and [`TokenSuccess`], its response;
//! - [`DeviceAuthorization`], the response of a device authorization endpoint;
//! - [`RegistrationRequest`] and [`RegisteredClient`], for dynamic registration.
//!
//! The clients of farport's own authorization server are [`Client`](crate::Client).

mod authentication;
mod authorization;
mod challenge;
mod device;
mod grant;
mod metadata;
mod registration;
mod response;

pub use authentication::{
    AssertionSigner, ClientCredential, ClientIdentity, FormRequest, JWT_BEARER, basic,
    client_assertion,
};
pub use authorization::{IssuerMismatch, authorization_url, check_response_issuer, code_challenge};
pub use challenge::BearerChallenge;
pub use device::DeviceAuthorization;
pub use grant::{DEVICE_CODE, GrantRequest, device_fields, revocation_fields};
pub use metadata::{
    MetadataError, ServerMetadata, metadata_urls, oauth_metadata_url, openid_metadata_url,
    resource_metadata_urls,
};
pub use registration::{RegisteredClient, RegistrationError, RegistrationRequest};
pub use response::{IssuedTokens, TokenError, TokenSuccess, is_client_error};
