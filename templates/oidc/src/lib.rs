//! A server whose users sign in at an OpenID provider.

mod tools;

use farport::{Server, SignIn};

pub use tools::Tools;

/// The server: its tools, and who may use which of them. What no rule is about is for everybody who
/// has signed in.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new()).auth(sign_in)
}
