//! A server whose users sign in, under any name: for development.

mod picture;
mod tools;

use farport::{Server, SignIn, login_in};

pub use tools::Tools;

/// Who may generate images, by login.
const ARTISTS: [&str; 1] = ["alice"];

/// The server: its tools, and who may use which of them. What no rule is about is for everybody who
/// has signed in.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new())
        .auth(sign_in)
        .permit("generate_image", login_in(ARTISTS))
}
