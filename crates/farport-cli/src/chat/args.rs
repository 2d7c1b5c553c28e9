//! The arguments of `farport chat`.

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};
use farport_ui::chat::{Dialect, MOST_STEPS};

use crate::mcp::args::ConnectionArgs;

const MODEL: &str = "Model";
const TOOLS: &str = "Tools";
const OUTPUT: &str = "Output";

/// Ask a model that calls the tools of MCP servers
///
/// The model receives the question and the tools of every server. farport runs the calls that the model
/// requests, after you permit them, until the model answers. Standard output carries the answer and
/// nothing else, so scripts and CI can test a server's tools with a model.
///
/// NAME is a server in the configuration of an MCP client, or the host of a sign-in that `farport
/// status` lists. If several clients use a name, write CLIENT:NAME.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport chat [OPTIONS] <URL|NAME>... <QUESTION>\n       farport chat [OPTIONS] <QUESTION> -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport chat http://localhost:8787/mcp --model gpt-5 'add 23 and 19'
  farport chat http://localhost:8787/mcp --model ollama:qwen3:8b --allow add 'add 23 and 19'
  farport chat https://a.example/mcp https://b.example/mcp --yes 'compare both reports'
  farport chat github --yes 'which issues are open?'
  farport chat http://localhost:8787/mcp --base-url http://127.0.0.1:8080/v1 'add 23 and 19'
  farport chat http://localhost:8787/mcp --model openai:gpt-5 --keep-key 'add 23 and 19'
  farport chat --forget-key openai
  echo 'add 23 and 19' | farport chat http://localhost:8787/mcp --model gpt-5 --yes --json

farport finds providers in OPENAI_API_KEY, ANTHROPIC_API_KEY, OPENROUTER_API_KEY, GEMINI_API_KEY,
GROQ_API_KEY, MISTRAL_API_KEY, DEEPSEEK_API_KEY, XAI_API_KEY, CLOUDFLARE_API_TOKEN and OLLAMA_HOST,
then in the keyring, else Ollama, llama-server, vLLM and LM Studio on this machine. It sends the
question, the tools' descriptions and their results to the provider of the model.

Exit codes:
  0  the model answered
  1  the command failed for another reason
  2  the arguments are invalid
  3  a server requires a sign-in: run `farport login URL`
  4  a server cannot be reached
  6  a server violated the protocol
  7  the model cannot be asked
  8  there is no complete answer: the step limit was reached, the answer was cut, or a call needed
     your permission and nothing could ask you")]
pub(crate) struct ChatArgs {
    /// URLs or names of the servers, and the question; `-` reads it from standard input
    #[arg(value_name = "URL|NAME... QUESTION", value_hint = ValueHint::Url)]
    pub(crate) words: Vec<String>,

    /// Model to ask, as NAME or PROVIDER:NAME [default: the provider's only model]
    #[arg(long, short, value_name = "MODEL", help_heading = MODEL)]
    pub(crate) model: Option<String>,

    /// Base URL of the provider, such as http://127.0.0.1:8080/v1
    #[arg(long, value_name = "URL", help_heading = MODEL, value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<String>,

    /// Environment variable with the key for --base-url
    #[arg(long, value_name = "NAME", help_heading = MODEL, requires = "base_url")]
    pub(crate) key_env: Option<String>,

    /// Keep the provider's key in the keyring of this system, for later chats
    #[arg(long, help_heading = MODEL)]
    pub(crate) keep_key: bool,

    /// Remove the key of this provider from the keyring, and end
    #[arg(long, value_name = "PROVIDER", help_heading = MODEL, conflicts_with_all = ["words", "model", "base_url", "keep_key"])]
    pub(crate) forget_key: Option<String>,

    /// API at --base-url
    #[arg(long, value_name = "API", default_value = "openai", help_heading = MODEL, requires = "base_url")]
    pub(crate) api: ApiArg,

    /// System prompt
    #[arg(long, value_name = "TEXT", help_heading = MODEL)]
    pub(crate) system: Option<String>,

    /// Temperature [default: the provider's]
    #[arg(long, value_name = "NUMBER", help_heading = MODEL)]
    pub(crate) temperature: Option<f64>,

    /// Limit of each response, in tokens [default: the provider's; 8192 for Anthropic]
    #[arg(long, value_name = "N", help_heading = MODEL)]
    pub(crate) max_tokens: Option<u32>,

    /// Permit this tool without a question; may be repeated
    #[arg(long, value_name = "TOOL", help_heading = TOOLS)]
    pub(crate) allow: Vec<String>,

    /// Permit every tool without a question
    #[arg(long, short, help_heading = TOOLS)]
    pub(crate) yes: bool,

    /// Stop after so many responses of the model
    #[arg(long, value_name = "N", default_value_t = MOST_STEPS, help_heading = TOOLS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: u32,

    /// Print what happens as JSON, one event per line
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// API of a provider.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ApiArg {
    /// Chat Completions, which most providers and local servers have
    Openai,
    /// Messages
    Anthropic,
}

impl From<ApiArg> for Dialect {
    fn from(given: ApiArg) -> Self {
        match given {
            ApiArg::Openai => Self::Openai,
            ApiArg::Anthropic => Self::Anthropic,
        }
    }
}
