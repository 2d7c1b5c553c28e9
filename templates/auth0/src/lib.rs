//! A server whose users sign in with Auth0.

mod accounts;
mod tools;

use farport::{Server, SignIn, scope};

pub use accounts::Accounts;
pub use tools::Tools;

/// The server: its tools, and the scopes they need. Every signed-in user may call a tool that no
/// rule names.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new(Accounts))
        .auth(sign_in)
        .describe_scope("read:todos", "See your to-dos")
        .describe_scope("read:billing", "See what you were billed")
        // The scopes a client requests at first. It requests billing when it needs it.
        .default_scopes(["read:todos"])
        .permit("list_todos", scope("read:todos"))
        .permit("list_billing", scope("read:billing").listed())
}
