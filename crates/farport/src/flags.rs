//! The flags of a program that calls [`crate::Server::run`].

use clap::Parser;

use crate::LogFormat;

/// An MCP server, remote over HTTP or local over stdio.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without --stdio the server answers at http://localhost:8787/mcp (streamable HTTP) \
                  and http://localhost:8787/sse (HTTP+SSE). Settings are read from farport.toml \
                  and FARPORT_* variables; flags override both."
)]
pub(crate) struct Flags {
    /// Serve one client over standard input and output instead of HTTP
    #[arg(long, conflicts_with_all = ["port", "host"])]
    pub(crate) stdio: bool,
    /// Ask the server that is running with these settings whether it is well, and end with 0 or 1
    #[arg(long, conflicts_with = "stdio")]
    pub(crate) health: bool,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Name or address to listen on [default: localhost]
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a tracing filter
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to write the log
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}
