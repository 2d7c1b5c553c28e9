//! The flags of a program that calls [`crate::Server::run_from_args`].

use clap::{Parser, ValueEnum};
use farport_server::LogFormat;

/// Serve an MCP server over HTTP, or over stdio with --stdio.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without --stdio, clients connect to http://localhost:8787/mcp (streamable HTTP) or \
                  http://localhost:8787/sse (HTTP+SSE). The server reads settings from farport.toml \
                  and FARPORT_* variables; flags override both."
)]
pub(crate) struct Flags {
    /// Serve one client over standard input and output instead of HTTP
    #[arg(long, conflicts_with_all = ["port", "host"])]
    pub(crate) stdio: bool,
    /// Check the running server with these settings, and exit with 0 or 1
    #[arg(long, conflicts_with = "stdio")]
    pub(crate) health: bool,
    /// Port to listen on; 0 picks a free one
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Name or address to listen on [default: localhost]
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Log level (error, warn, info, debug, trace), or a tracing filter
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Format of the log
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<Format>,
}

/// The format of the log, as an argument.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// Lines of text, for people
    Text,
    /// One JSON object per line
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}
