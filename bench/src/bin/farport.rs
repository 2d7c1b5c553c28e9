//! The server that `farport new` makes, before everybody or behind a sign-in at a stand-in of
//! GitHub.
//!
//! Where state is kept comes from the environment, as for any farport server (`FARPORT_STORE`).

use calculator::Calculator;
use clap::Parser;
use farport::{GitHub, Server};

#[allow(
    unreachable_pub,
    reason = "it is the public part of the generated crate"
)]
#[path = "../../../templates/authless/src/calculator.rs"]
mod calculator;

// As the generated `main.rs` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Flags {
    /// Port to listen on, on loopback; 0 lets the system pick one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The stand-in for GitHub. Without it, the server needs no sign-in.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let mut server = Server::new(|_| Calculator::new()).port(flags.port);
    if let Some(upstream) = flags.upstream {
        server = server.auth(GitHub::new("bench", "not a secret").base_url(&upstream)?);
    }
    let bound = server.bind().await?;
    println!("listening on http://{}/mcp", bound.local_addr());
    bound.serve_until(std::future::pending()).await?;
    Ok(())
}
