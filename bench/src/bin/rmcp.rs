//! rmcp's own `StreamableHttpService` with the calculator's `add`.
//!
//! `/mcp` is the service as it comes, which keeps sessions. `/plain` is the quickest it can do: no
//! sessions and a JSON body for the answer.

use std::sync::Arc;

use axum::Router;
use clap::Parser;
use farport_bench::{Args, serve};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;

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

fn service(
    config: StreamableHttpServerConfig,
) -> StreamableHttpService<Calculator, LocalSessionManager> {
    let calculator = Calculator::new();
    StreamableHttpService::new(move || Ok(calculator.clone()), Arc::default(), config)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut plain = StreamableHttpServerConfig::default();
    plain.legacy_session_mode = false;
    plain.json_response = true;
    let router = Router::new()
        .route_service("/mcp", service(StreamableHttpServerConfig::default()))
        .route_service("/plain", service(plain));
    serve(&Args::parse(), router).await
}
