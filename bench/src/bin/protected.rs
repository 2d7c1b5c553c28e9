//! farport with one tool, before everybody or behind a sign-in at a stand-in of GitHub.
//!
//! Where state is kept comes from the environment, as for any farport server (`FARPORT_STORE`).

use clap::Parser;
use farport::{GitHub, Server};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;

#[derive(Debug, Parser)]
struct Flags {
    /// Port to listen on, on loopback; 0 lets the system pick one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where the stand-in of GitHub is; without it, nobody has to sign in.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

#[derive(Clone)]
struct Calculator {
    tool_router: ToolRouter<Self>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Add {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[tool_router]
impl Calculator {
    fn new() -> Self {
        Self {
            tool_router: Self::tool_router(),
        }
    }

    #[tool(description = "Adds two numbers.")]
    fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> String {
        (a + b).to_string()
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Calculator {}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let mut server = Server::new(|_| Calculator::new())
        .host("127.0.0.1")
        .port(flags.port);
    if let Some(upstream) = flags.upstream {
        server = server.auth(GitHub::new("bench", "not a secret").base_url(&upstream)?);
    }
    let bound = server.bind().await?;
    println!("listening on http://{}/mcp", bound.local_addr());
    bound.serve_until(std::future::pending()).await?;
    Ok(())
}
