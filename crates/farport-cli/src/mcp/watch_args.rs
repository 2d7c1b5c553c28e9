//! The arguments of `farport watch`.

use clap::Args;
use clap::builder::ValueHint;

use super::args::ConnectionArgs;

/// Print the notifications of a server until you press Ctrl-C
///
/// Prints one line of JSON for each notification: changed lists, updated resources, log messages. In
/// 2026-07-28, farport opens a subscription, and opens it again when the server ends it.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport watch [OPTIONS] <URL|NAME>\n       farport watch [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport watch http://localhost:8787/mcp
  farport watch https://mcp.example.com/mcp --resource file:///notes.txt --read
  farport watch http://localhost:8787/mcp --level debug | jq .params.data")]
pub(crate) struct WatchArgs {
    /// URL or name of the server
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url, num_args = 0..=1)]
    pub(crate) words: Vec<String>,

    /// Subscribe to a resource; may be repeated
    #[arg(long, value_name = "URI")]
    pub(crate) resource: Vec<String>,

    /// Read each updated resource, and print its content as another line
    #[arg(long, requires = "resource")]
    pub(crate) read: bool,

    /// Request log messages of this level and above
    #[arg(long, value_name = "LEVEL", value_parser = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"])]
    pub(crate) level: Option<String>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
