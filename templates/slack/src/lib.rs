//! A server whose users sign in with Slack.

mod slack;
mod tools;

use farport::{Server, SignIn};

pub use slack::Api;
pub use tools::Tools;

/// What the tools do in a user's name, as Slack's scopes.
pub const USER_SCOPES: [&str; 4] = [
    "channels:history",
    "channels:read",
    "chat:write",
    "users:read",
];

/// The server: its tools, and who may use which of them. What no rule is about is for everybody who
/// has signed in.
pub fn server(sign_in: impl Into<SignIn>, slack: Api) -> Server {
    Server::new(move |_| Tools::new(slack.clone())).auth(sign_in)
}
