//! The arguments of `farport shell`.

use clap::Args;
use clap::builder::ValueHint;

use super::args::ConnectionArgs;

/// Talk to a server at a prompt
///
/// The connection stays open between calls. Tab completes tools, arguments and their values; the history is
/// kept until you leave. Without a terminal, farport reads the commands from standard input.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport shell [OPTIONS] <URL|NAME>\n       farport shell [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport shell http://localhost:8787/mcp
  farport shell -- npx -y @modelcontextprotocol/server-everything
  echo 'add a=2 b=3' | farport shell http://localhost:8787/mcp

At the prompt:
  add a=2 b=3              Call a tool
  tools [TOOL]             List the tools, or describe one
  resources, prompts       List resources and resource templates, or prompts
  read URI                 Read a resource
  prompt NAME [NAME=TEXT]  Get a prompt
  call TOOL [NAME=VALUE]   Call a tool whose name is one of these words
  rpc METHOD [PARAMS]      Send any request
  help, quit")]
pub(crate) struct ShellArgs {
    /// URL or name of the server
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url, num_args = 0..=1)]
    pub(crate) words: Vec<String>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
