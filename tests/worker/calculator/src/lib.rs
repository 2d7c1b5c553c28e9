//! The calculator of `farport new`, as a Worker.

#[path = "../../../../templates/authless/src/calculator.rs"]
mod calculator;

/// Creates the server.
pub fn server() -> farport::Server {
    farport::Server::new(|_| calculator::Calculator::new())
}

farport_workers::serve!(server);
