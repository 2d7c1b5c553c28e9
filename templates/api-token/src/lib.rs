//! A server for programs and people who bring an API token.

mod tools;

use farport::{Server, SignIn};

pub use tools::Tools;

/// The server: its tools, and what stands before them.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new()).auth(sign_in)
}
