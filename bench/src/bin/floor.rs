//! Serves the floor that farport is compared with: see [`floor`](farport_bench::floor).

use axum::Router;
use axum::routing::post;
use clap::Parser;
use farport_bench::{Args, floor, serve};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let router = Router::new().route("/mcp", post(floor::add));
    serve(&Args::parse(), router).await
}
