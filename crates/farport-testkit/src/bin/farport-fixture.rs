//! Serves the conformance fixture.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use farport::{Server, Storage};
use farport_testkit::fixture::{Fixture, FixtureState};
use tracing_subscriber::EnvFilter;

/// Serves the conformance fixture: an MCP server with one of everything that the official
/// conformance suite asks for.
///
/// Prints `listening on URL` once it is ready, and stops at SIGINT or SIGTERM. FARPORT_LOG sets
/// what is logged to standard error, for example FARPORT_LOG=farport=debug.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// Where sessions are kept: `memory`, or `sqlite:` with the path of a file after it
    #[arg(long, value_name = "memory|sqlite:PATH", default_value = "memory")]
    store: Storage,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let filter = EnvFilter::try_from_env("FARPORT_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match serve(flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn serve(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let state = FixtureState::new()?.asking_peers();
    let server = Server::new(move |cx| Fixture::of(cx, state.clone()))
        .host("127.0.0.1")
        .port(flags.port)
        .store(flags.store);
    let bound = server.bind().await?;
    writeln!(
        io::stdout(),
        "listening on http://{}/mcp",
        bound.local_addr()
    )?;
    bound.serve_until(farport::host::shutdown_signal()?).await?;
    Ok(())
}
