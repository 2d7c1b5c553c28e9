//! The arguments of the commands that send one request to a server.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::arguments::Argument;
use crate::remote::args::MessageArgs;
use crate::remote::inspect::RevisionArg;

const CONNECTION: &str = "Connection";
const OUTPUT: &str = "Output";
const QUESTIONS: &str = "Questions of the server";

/// How a server is reached.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Header to send with every request, as 'Name: value'; ${VARIABLE} is replaced from the
    /// environment; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER", help_heading = CONNECTION)]
    pub(crate) header: Vec<String>,

    /// Send the headers in a file, one per line, so that other users cannot see them
    #[arg(long, value_name = "FILE", help_heading = CONNECTION, value_hint = ValueHint::FilePath)]
    pub(crate) header_file: Option<PathBuf>,

    /// Era of the protocol: the newest that the server speaks, sessions (2024-11-05 to 2025-11-25),
    /// or modern (2026-07-28)
    #[arg(long, value_name = "ERA", default_value = "auto", help_heading = CONNECTION)]
    pub(crate) era: EraArg,

    /// Revision of the protocol
    #[arg(long, value_name = "REVISION", help_heading = CONNECTION, conflicts_with = "era")]
    pub(crate) revision: Option<RevisionArg>,

    /// Allow plain http to other machines, in a network that you trust
    #[arg(long, help_heading = CONNECTION)]
    pub(crate) allow_http: bool,

    /// Seconds to wait for the response; progress from the server starts the wait again; 0 for no
    /// limit
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help_heading = CONNECTION)]
    pub(crate) timeout: u64,

    /// Never open a browser or ask a question; without a stored sign-in, exit with code 3
    #[arg(long, help_heading = CONNECTION)]
    pub(crate) no_input: bool,

    /// Answer to a question of the server, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = QUESTIONS)]
    pub(crate) answer: Vec<String>,

    /// Decline the questions of the server
    #[arg(long, help_heading = QUESTIONS, conflicts_with = "answer")]
    pub(crate) decline: bool,

    /// Write every message and HTTP exchange to a file, one line of JSON each, without secrets
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, value_hint = ValueHint::FilePath)]
    pub(crate) trace: Option<PathBuf>,

    /// Use the sign-in in the keyring of the system
    #[arg(long, help_heading = CONNECTION)]
    pub(crate) keyring: bool,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,

    /// Command of a local server, which farport starts and stops
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

impl ConnectionArgs {
    /// The revisions that the arguments permit; empty for all.
    pub(crate) fn revisions(&self) -> Vec<String> {
        let named = self.revision.and_then(RevisionArg::name);
        let all = match (named, self.era) {
            (Some(named), _) => return vec![named.to_owned()],
            (None, EraArg::Auto) => &[][..],
            (None, EraArg::Session) => &["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
            (None, EraArg::Modern) => &["2026-07-28"],
        };
        all.iter().map(|name| (*name).to_owned()).collect()
    }
}

/// Era of the protocol.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EraArg {
    /// The newest era that the server speaks
    Auto,
    /// Sessions that `initialize` opens
    Session,
    /// Requests that stand alone
    Modern,
}

/// Show the tools of a server
///
/// Prints one line for each tool: its arguments with their types, optional ones in brackets. With a
/// tool's name, prints everything about that tool.
///
/// NAME is a server in the configuration of an MCP client, or the host of a sign-in that `farport
/// status` lists. If several clients use a name, write CLIENT:NAME.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport tools [OPTIONS] <URL|NAME> [TOOL]\n       farport tools [OPTIONS] [TOOL] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport tools http://localhost:8787/mcp
  farport tools http://localhost:8787/mcp add
  farport tools github                           A server of an MCP client, by its name
  farport tools https://mcp.example.com/mcp --json | jq -r '.[].name'
  farport tools -- npx -y @modelcontextprotocol/server-everything")]
pub(crate) struct ToolsArgs {
    /// URL or name of the server, and the tool to describe
    #[arg(value_name = "URL|NAME [TOOL]", value_hint = ValueHint::Url, num_args = 0..=2)]
    #[arg(add = ArgValueCompleter::new(super::complete::tools))]
    pub(crate) words: Vec<String>,

    /// Print the list as JSON
    #[arg(long, help_heading = OUTPUT, conflicts_with = "schema")]
    pub(crate) json: bool,

    /// Print the input schema of the tool
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) schema: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Call a tool and print its result
///
/// Each argument gets the type that the tool's schema gives it: `012` stays text for a string, and is
/// an error for an integer. Standard output carries the result and nothing else.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport call [OPTIONS] <URL|NAME> <TOOL> [NAME=VALUE]...\n       farport call [OPTIONS] <TOOL> [NAME=VALUE]... -- <COMMAND>..."
)]
#[command(after_help = "\
Arguments of the tool:
  name=text        In the type of the tool's schema; repeat it for an array
  name:='[1, 2]'   JSON
  name=@file       The text of a file
  name:=@file      The JSON of a file

Examples:
  farport call http://localhost:8787/mcp add a=23 b=19
  farport call https://mcp.example.com/mcp search query='rust mcp' limit=5 --json
  farport call https://mcp.example.com/mcp chart points:=@points.json --output chart.png
  farport call http://localhost:8787/mcp add a=1 b=2 --repeat 1000 --concurrency 8
  farport call http://localhost:8787/mcp --saved 'two numbers'
  farport call echo message=hello -- npx -y @modelcontextprotocol/server-everything

Exit codes:
  0  the tool succeeded
  1  the command failed for another reason
  2  the arguments are invalid
  3  the server requires a sign-in: run `farport login URL`
  4  the server cannot be reached
  5  the tool failed, or the server has no such tool
  6  the server violated the protocol")]
pub(crate) struct CallArgs {
    /// URL or name of the server, name of the tool, and its arguments
    #[arg(value_name = "URL|NAME TOOL [NAME=VALUE]", value_hint = ValueHint::Url)]
    #[arg(add = ArgValueCompleter::new(super::complete::call))]
    pub(crate) words: Vec<String>,

    /// All arguments as one JSON object, @FILE, or - for standard input; NAME=VALUE adds to them
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) args: Option<String>,

    /// Call that the inspector saved in .farport/calls.json; NAME=VALUE replaces its arguments
    #[arg(long, value_name = "NAME", conflicts_with = "args")]
    pub(crate) saved: Option<String>,

    /// Print the whole result as one line of JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Print the result as the server wrote it
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "repeat"])]
    pub(crate) raw: bool,

    /// Print the text of the result only, without structured content
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "raw", "output", "repeat"])]
    pub(crate) text: bool,

    /// Write the first image, audio clip or file of the result to a file; text if it has none
    #[arg(long, short, value_name = "FILE", help_heading = OUTPUT, conflicts_with = "json")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Call it so often, and print how long the calls took
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[arg(help_heading = OUTPUT, conflicts_with_all = ["output"])]
    pub(crate) repeat: u32,

    /// Calls that run at the same time, with --repeat
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    #[arg(help_heading = OUTPUT)]
    pub(crate) concurrency: u32,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// List the resources and resource templates of a server
#[derive(Debug, Args)]
#[command(
    override_usage = "farport resources [OPTIONS] <URL|NAME>\n       farport resources [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport resources http://localhost:8787/mcp
  farport resources https://mcp.example.com/mcp --json")]
pub(crate) struct ResourcesArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// Read a resource and print its content
#[derive(Debug, Args)]
#[command(
    override_usage = "farport read [OPTIONS] <URL|NAME> <URI>\n       farport read [OPTIONS] <URI> -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport read http://localhost:8787/mcp file:///notes.txt
  farport read https://mcp.example.com/mcp img://logo --output logo.png")]
pub(crate) struct ReadArgs {
    /// URL or name of the server, and URI of the resource
    #[arg(value_name = "URL|NAME URI", num_args = 0..=2)]
    pub(crate) words: Vec<String>,

    /// Print the whole result as one line of JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Write the content to a file
    #[arg(long, short, value_name = "FILE", help_heading = OUTPUT, conflicts_with = "json")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// List the prompts of a server
#[derive(Debug, Args)]
#[command(
    override_usage = "farport prompts [OPTIONS] <URL|NAME>\n       farport prompts [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport prompts http://localhost:8787/mcp
  farport prompts https://mcp.example.com/mcp --json")]
pub(crate) struct PromptsArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// Get a prompt and print its messages
#[derive(Debug, Args)]
#[command(
    override_usage = "farport prompt [OPTIONS] <URL|NAME> <PROMPT> [NAME=TEXT]...\n       farport prompt [OPTIONS] <PROMPT> [NAME=TEXT]... -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport prompt http://localhost:8787/mcp review language=rust
  farport prompt https://mcp.example.com/mcp review code=@src/main.rs --json")]
pub(crate) struct PromptArgs {
    /// URL or name of the server, name of the prompt, and its arguments
    #[arg(value_name = "URL|NAME PROMPT [NAME=TEXT]")]
    pub(crate) words: Vec<String>,

    /// Print the whole result as one line of JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Send any request and print its result
#[derive(Debug, Args)]
#[command(
    override_usage = "farport rpc [OPTIONS] <URL|NAME> <METHOD> [PARAMS]\n       farport rpc [OPTIONS] <METHOD> [PARAMS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport rpc http://localhost:8787/mcp ping --era session
  farport rpc http://localhost:8787/mcp tools/list
  farport rpc http://localhost:8787/mcp resources/read '{\"uri\": \"file:///notes.txt\"}'
  farport rpc http://localhost:8787/mcp tools/call @params.json")]
pub(crate) struct RpcArgs {
    /// URL or name of the server, method, and parameters as a JSON object, @FILE or - for standard input
    #[arg(value_name = "URL|NAME METHOD [PARAMS]", num_args = 0..=3)]
    pub(crate) words: Vec<String>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// A list, and how it is printed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// URL or name of the server
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url, num_args = 0..=1)]
    pub(crate) words: Vec<String>,

    /// Print the list as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Reads `NAME=VALUE` words.
///
/// # Errors
/// When a word is none.
pub(crate) fn arguments(
    words: impl Iterator<Item = String>,
) -> Result<Vec<Argument>, super::Error> {
    words
        .map(|word| word.parse().map_err(super::Error::Argument))
        .collect()
}
