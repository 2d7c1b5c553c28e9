//! Makes an existing rmcp server remote: the handler stays as it is, and `main` has one line.
//!
//! Run it with `cargo run --example remote`, and connect a client to <http://localhost:8787/mcp>.

use std::time::UNIX_EPOCH;

use rmcp::{ServerHandler, tool, tool_handler, tool_router};

#[derive(Clone)]
struct Clock;

#[tool_router]
impl Clock {
    /// Returns the Unix time in seconds.
    #[tool]
    fn now(&self) -> String {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_secs().to_string()
    }
}

#[tool_handler]
impl ServerHandler for Clock {}

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    farport::Server::new(|_| Clock).run_from_args().await
}
