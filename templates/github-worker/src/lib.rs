//! A server whose users sign in with GitHub, served by a machine or by Cloudflare Workers.

mod github;
mod picture;
mod tools;

use farport::{GitHub, Server, SignIn, login_in};

pub use github::Api;
pub use tools::Tools;

/// The GitHub logins that may generate images. Put your own here.
const ARTISTS: [&str; 1] = ["alice"];

/// The server, on every platform. Its users sign in through the OAuth app of GITHUB_CLIENT_ID and
/// GITHUB_CLIENT_SECRET.
///
/// # Errors
/// When a variable is missing.
pub fn server() -> Result<Server, farport::Error> {
    let sign_in = GitHub::from_env()?.scopes(["read:user"]);
    Ok(server_with(sign_in, Api::default()))
}

/// The tools, and who may call them. Every signed-in user may call a tool that no rule names.
pub fn server_with(sign_in: impl Into<SignIn>, github: Api) -> Server {
    Server::new(move |_| Tools::new(github.clone()))
        .auth(sign_in)
        .permit("generate_image", login_in(ARTISTS))
}

// The Worker.
#[cfg(target_arch = "wasm32")]
farport_workers::serve!(server);
