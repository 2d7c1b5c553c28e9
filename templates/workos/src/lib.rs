//! A server whose users sign in with WorkOS AuthKit.

mod picture;
mod tools;

use farport::{Server, SignIn, claim};

pub use tools::Tools;

/// The server: its tools, and who may call them. Every signed-in user may call a tool that no rule
/// names.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    Server::new(|_| Tools::new())
        .auth(sign_in)
        .permit("generate_image", claim("permissions", "image_generation"))
}
