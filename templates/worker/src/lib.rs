//! A calculator, offered to every MCP client: from a machine, or from Cloudflare's edge.

mod calculator;

use farport::Server;

pub use calculator::Calculator;

/// The server, wherever it runs.
pub fn server() -> Server {
    Server::new(|_| Calculator::new())
}

// The worker.
#[cfg(target_arch = "wasm32")]
farport_workers::serve!(server);
