//! A server whose users sign in with Slack.

mod slack;
mod tools;

use farport::{Server, SignIn};

pub use slack::Api;
pub use tools::Tools;

/// The Slack scopes that the tools need.
pub const USER_SCOPES: [&str; 4] = [
    "channels:history",
    "channels:read",
    "chat:write",
    "users:read",
];

/// The server: its tools, and who may call them. Every signed-in user may call a tool that no rule
/// names.
pub fn server(sign_in: impl Into<SignIn>, slack: Api) -> Server {
    Server::new(move |_| Tools::new(slack.clone())).auth(sign_in)
}
