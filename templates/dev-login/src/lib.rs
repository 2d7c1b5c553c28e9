//! A server whose users sign in with any name, for development.

mod picture;
mod tools;

use farport::{Server, SignIn, login_in};

pub use tools::Tools;

/// The logins that may generate images.
const ARTISTS: [&str; 1] = ["alice"];

/// The server: its tools, and who may call them. Every signed-in user may call a tool that no rule
/// names.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new())
        .auth(sign_in)
        .permit("generate_image", login_in(ARTISTS))
}
