//! The server of `farport new --template dev-login`, as a Worker.

#[path = "../../../../templates/dev-login/src/picture.rs"]
mod picture;
#[path = "../../../../templates/dev-login/src/tools.rs"]
mod tools;

/// The server. Its users sign in wherever `FARPORT_AUTH_PROVIDER` says.
fn server() -> farport::Server {
    farport::Server::new(|_| tools::Tools::new())
        .permit("generate_image", farport::login_in(["alice"]))
}

farport_workers::serve!(server);
