//! MCP over HTTP, as a service from request to response. It opens no sockets, reads no clock and spawns
//! no tasks: hosts provide those through [`farport_core::Runtime`].
//!
//! [`McpService::handle`] handles a request. The request path:
//!
//! 1. [`Guard`] checks Host and Origin on every route.
//! 2. The router chooses `/mcp` (streamable HTTP), `/sse` and `/sse/message` (HTTP+SSE of 2024-11-05),
//!    `/health`, `/`, or on a protected server a route of OAuth and its metadata.
//! 3. [`Auth`], on a protected server, finds the user of the token.
//! 4. The body is read within its limits on size and time, and parsed by [`farport_core::envelope`].
//! 5. A request that describes itself is modern. Any other belongs to a session.
//! 6. [`Auth`] checks whether the caller is permitted to make the request.
//! 7. The handler's call is awaited in place if it can only respond. Otherwise it gets a stream.

mod admission;
mod asking;
mod assets;
mod body;
mod call;
mod caller;
mod config;
mod cors;
mod endpoint;
mod form;
mod gate;
mod guard;
mod home;
mod legacy;
mod modern;
mod negotiate;
mod outbox;
mod page;
mod paths;
mod permission;
mod post;
mod refusal;
mod respond;
mod service;
mod session;
mod shutdown;
mod slots;
mod sse_body;
mod streams;
mod theme;
mod tower;

// Sign-in is half of a small Worker.
cfg_if::cfg_if! {
    if #[cfg(feature = "sign-in")] {
        mod auth;
        pub use auth::{Authority, Presented, RESOURCES, TokenValidator};
    } else {
        mod public;
        use public as auth;
    }
}

pub use auth::Auth;
pub use body::Body;
pub use config::{Config, Limits};
pub use guard::Guard;
pub use paths::{below, collides, endpoint, prefix};
pub use service::McpService;
pub use theme::{Color, Logo, NotAColor, Theme};
pub use tower::ClientAddress;
