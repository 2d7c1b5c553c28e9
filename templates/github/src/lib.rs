//! A server whose users sign in with GitHub.

mod github;
mod picture;
mod tools;

use farport::{Server, SignIn, login_in};

pub use github::Api;
pub use tools::Tools;

/// The GitHub logins that may generate images. Put your own here.
const ARTISTS: [&str; 1] = ["alice"];

/// The server: its tools, and who may call them. Every signed-in user may call a tool that no rule
/// names.
pub fn server(sign_in: impl Into<SignIn>, github: Api) -> Server {
    Server::new(move |_| Tools::new(github.clone()))
        .auth(sign_in)
        .permit("generate_image", login_in(ARTISTS))
}
