//! A server for programs and users with an API token.

mod tools;

use farport::{Server, SignIn};

pub use tools::Tools;

/// The server: its tools, protected by API tokens.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new()).auth(sign_in)
}
