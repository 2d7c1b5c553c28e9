//! The client side of MCP: a local client that speaks stdio reaches a remote server.
//!
//! [`connect`] takes a client's lines and brings them to the server of its [`Options`], in both eras
//! of the protocol and over all of its transports, and signs in where the server asks for it. A
//! message's way:
//!
//! 1. A line of the client is looked at (kind, id, method) and kept as the bytes it is.
//! 2. It goes out in the way of its era: within a session, or by itself with the newest revision's
//!    headers. Where the server knows the other era alone, it is translated.
//! 3. Every request passes the part that signs in: a 401 or 403 leads to a sign-in and a second try.
//! 4. What comes back, as JSON or as events, is looked at and written as one line.
//!
//! Sign-ins are kept in a [`Store`], which several instances share. A [`Person`] is told what there
//! is to be told, and shown the sign-in page by an [`Opener`].

mod auth;
mod backoff;
mod bridge;
mod down;
mod error;
mod http;
mod identity;
mod members;
mod message;
mod modern;
mod opener;
mod options;
mod person;
mod remote;
mod secret;
mod session;
mod sign_in;
mod spool;
mod sse;
mod stdio;
mod store;
mod tools;
mod up;

pub use auth::{Flow, SignInError, SignInOptions, StaticClient};
pub use bridge::connect;
pub use error::Error;
pub use http::{HttpOptions, Timeouts};
pub use keyring_core::CredentialStore;
pub use opener::{Browser, NoBrowser, Opener, command};
pub use options::{Options, Protocol, TransportOrder};
pub use person::{Person, Teller};
pub use sign_in::{LoggedOut, log_in, log_out};
pub use store::{Keyring, Store, Summary};
pub use tokio_util::sync::CancellationToken;
pub use url::Url;
