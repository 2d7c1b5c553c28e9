//! MCP over HTTP, as a service from request to response. No sockets, no clock, no tasks of its own:
//! hosts bring those ([`farport_core::Runtime`]).
//!
//! [`McpService::handle`] is the whole of it. A request's way:
//!
//! 1. [`guard`](Guard): Host and Origin, on every route.
//! 2. Routing: `/mcp` (streamable HTTP), `/sse` and `/sse/message` (HTTP+SSE of 2024-11-05),
//!    `/health`.
//! 3. [`Auth`], where there is one: whose token it brings. The OAuth endpoints, their pages and the
//!    metadata documents have their routes beside those of MCP.
//! 4. The body: its type, its size, its time, then [`farport_core::envelope`].
//! 5. The era: a request that describes itself goes the modern way, any other to its session.
//! 6. Permission: what the caller may use.
//! 7. The call: awaited in place when it can only answer, else with a stream of its own.

#![cfg_attr(
    not(feature = "sign-in"),
    expect(
        dead_code,
        reason = "what stands before no server needs none of its parts"
    )
)]

mod auth;
mod body;
mod call;
mod config;
mod cors;
mod guard;
mod legacy;
mod modern;
mod negotiate;
mod outbox;
mod post;
mod refusal;
mod respond;
mod service;
mod session;
mod sse_body;

pub use auth::{Auth, Authority, Color, Logo, NotAColor, RESOURCES, Theme, TokenValidator};
pub use body::Body;
pub use config::{Config, Limits};
pub use guard::Guard;
pub use service::McpService;
