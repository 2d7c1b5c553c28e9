//! The server of `farport demo --auth`, as a Worker.

#[path = "../../../../templates/authless/src/calculator.rs"]
mod calculator;
#[path = "../../../../crates/farport-cli/src/commands/demo/protected.rs"]
mod protected;

/// Creates the server. `FARPORT_AUTH_PROVIDER` names the provider of its sign-in.
fn server() -> farport::Server {
    farport::Server::new(|_| protected::Protected::new())
}

farport_workers::serve!(server);
