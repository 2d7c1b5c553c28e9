//! A server whose users sign in with GitHub: on a machine, or at Cloudflare's edge.

mod github;
mod picture;
mod tools;

use farport::{GitHub, Server, SignIn, login_in};

pub use github::Api;
pub use tools::Tools;

/// Who may generate images, by GitHub login. Put your own here.
const ARTISTS: [&str; 1] = ["alice"];

/// The server, wherever it runs: its users sign in with the OAuth app that GITHUB_CLIENT_ID and
/// GITHUB_CLIENT_SECRET name.
///
/// # Errors
/// When one of them is missing.
pub fn server() -> Result<Server, farport::Error> {
    let sign_in = GitHub::from_env()?.scopes(["read:user"]);
    Ok(server_with(sign_in, Api::default()))
}

/// Its tools, and who may use which of them. What no rule is about is for everybody who has signed
/// in.
pub fn server_with(sign_in: impl Into<SignIn>, github: Api) -> Server {
    Server::new(move |_| Tools::new(github.clone()))
        .auth(sign_in)
        .permit("generate_image", login_in(ARTISTS))
}

// The worker.
#[cfg(target_arch = "wasm32")]
farport_workers::serve!(server);
