//! The arguments of `farport playground`.

use clap::Args;
use clap::builder::ValueHint;
use farport_ui::Target;

use super::{Variables, headers, saved};
use crate::error::Error;

const NETWORK: &str = "Network";

/// Chat in the browser with a model that calls the tools of MCP servers
///
/// farport serves a page on this machine, prints its URL and opens it. Choose a model, and chat: each
/// tool asks for your permission before it runs. The page is the one of `farport inspect`, on its Chat
/// view, and has the same sign-ins and timeline.
///
/// NAME is a server in the configuration of an MCP client, or the host of a sign-in that `farport
/// status` lists. If several clients use a name, write CLIENT:NAME.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport playground [OPTIONS] [URL|NAME]...\n       farport playground [OPTIONS] [URL|NAME]... -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport playground                               Enter the URL on the page
  farport playground http://localhost:8787/mcp
  farport playground https://a.example/mcp https://b.example/mcp
  farport playground github                        A server of an MCP client, by its name
  OPENAI_API_KEY=.. farport playground http://localhost:8787/mcp
  farport playground -- npx -y @modelcontextprotocol/server-everything

farport finds models through the variables that `farport help chat` lists, and Ollama, llama-server,
vLLM and LM Studio on this machine. Keys stay in farport's process. Your messages, the tools'
descriptions and their results go to the provider of the model, and nowhere else.

Only this machine can open the page. Its URL contains a token that changes at each start: do not
share it. Press Ctrl-C to stop.")]
pub(crate) struct PlaygroundArgs {
    /// URLs or names of the servers
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<String>,

    /// Port of the page; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Print the URLs of the page and of sign-ins, without opening a browser
    #[arg(long)]
    pub(crate) no_open: bool,

    /// Header to send with every request to the first URL, as 'Name: value'; may contain ${VARIABLE}
    /// from the environment [repeatable]
    #[arg(long, value_name = "HEADER", help_heading = NETWORK, requires = "urls")]
    pub(crate) header: Vec<String>,

    /// Allow http to other machines, for networks that you trust
    #[arg(long, help_heading = NETWORK)]
    pub(crate) allow_http: bool,

    /// Log every step to standard error, without secrets
    #[arg(long)]
    pub(crate) debug: bool,

    /// Command of a local server, which farport starts and stops
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

impl PlaygroundArgs {
    /// The inspector's own server, and those besides it.
    pub(crate) fn targets(&self) -> Result<(Option<Target>, Vec<Target>), Error> {
        let mut targets = Vec::new();
        for url in &self.urls {
            let mut all = Vec::new();
            if targets.is_empty() {
                for text in &self.header {
                    let (name, value) = headers::header(text, Variables::Environment)?;
                    all.push((name, value.into()));
                }
            }
            targets.push(saved::target(url, all, self.allow_http)?);
        }
        let first = match Target::process(&self.command) {
            Some(process) => Some(process),
            None if targets.is_empty() => None,
            None => Some(targets.remove(0)),
        };
        Ok((first, targets))
    }
}
