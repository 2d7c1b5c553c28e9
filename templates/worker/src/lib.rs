//! A calculator for every MCP client, served by a machine or by Cloudflare Workers.

mod calculator;

use farport::Server;

pub use calculator::Calculator;

/// The server, on every platform.
pub fn server() -> Server {
    Server::new(|_| Calculator::new())
}

// The Worker.
#[cfg(target_arch = "wasm32")]
farport_workers::serve!(server);
