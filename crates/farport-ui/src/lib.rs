//! The page of `farport inspect`, and the local server behind it.
//!
//! [`Inspector::bind`] listens on both loopback addresses. It serves a static page (`ui/`, plain ES
//! modules without a build step), a JSON API for that page, and one stream of events. The process
//! is the MCP client: the page calls the API, the API sends JSON-RPC through a
//! [`farport_client::Connection`], and everything that passes is recorded in a bounded timeline.
//!
//! A request to the API passes these steps:
//!
//! 1. `guard` checks `Host`, `Origin`, `Sec-Fetch-Site`, the bearer token and the content type.
//! 2. `api` reads the JSON body and calls the state.
//! 3. `state` holds the target, the connection's phase, open questions and roots, and publishes
//!    each change to the event streams.
//! 4. `calls` sends the request to the MCP server, asks the page for input that the server requires,
//!    and waits for the response.
//!
//! `recorder` observes the client: each message, HTTP exchange and step of a sign-in becomes an entry of
//! the timeline. It receives them with secrets masked.
//!
//! `apps` is a second listener, for the views of MCP Apps.
//!
//! The API cannot start a process. The page's address carries a random token in its fragment, so
//! the token reaches no server log. See [`Inspector::url`].

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]

mod api;
mod apps;
mod assets;
mod calls;
pub mod chat;
mod doctor;
mod error;
mod events;
mod exchange;
mod export;
mod guard;
mod hold;
mod live;
mod mask;
mod person;
mod questions;
mod recorder;
mod revisions;
mod saved;
mod server;
mod servers;
mod sign_in;
mod state;
mod subscriptions;
mod target;
mod timeline;
mod token;

pub use error::Error;
pub use server::{Handle, Inspector, Settings};
pub use servers::{SavedServer, SavedServers};
pub use target::{Revision, Target};
