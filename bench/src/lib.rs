//! What the measured servers have in common.
//!
//! `cargo xtask bench` starts one server at a time on a port the system picks, and reads that port
//! from the one line each of them prints.

pub mod floor;

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;

/// The command line every measured server takes.
#[derive(Debug, Parser)]
pub struct Args {
    /// Port to listen on, on loopback; 0 lets the system pick one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// Serves `router` on loopback until the process is ended.
///
/// Prints `listening on http://127.0.0.1:PORT/mcp` once connections are accepted. Nagle's algorithm
/// is off, as in farport's own host: with it on, the figures would show delayed acknowledgements
/// and not the server.
///
/// # Errors
/// When the port cannot be taken.
pub async fn serve(args: &Args, router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // A socket that the peer has already reset refuses the option; serving it then fails anyway.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
