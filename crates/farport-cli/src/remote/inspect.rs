//! The arguments of `farport inspect`.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};
use farport_ui::{Revision, Target};

use super::{Variables, headers, saved};
use crate::error::Error;

const NETWORK: &str = "Network";

/// Inspect an MCP server in the browser
///
/// farport serves a page on this machine, prints its URL and opens it. The page lists and calls the
/// server's tools, resources and prompts, answers its questions, and records every message and HTTP
/// exchange. farport signs in like `farport connect`, and uses the same sign-ins.
///
/// NAME is a server in the configuration of an MCP client, or the host of a sign-in that `farport
/// status` lists. If several clients use a name, write CLIENT:NAME.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport inspect [OPTIONS] [URL|NAME]\n       farport inspect [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport inspect                                  Enter the URL on the page
  farport inspect http://localhost:8787/mcp
  farport inspect github                           A server of an MCP client, by its name
  farport inspect cursor:github                    The same, of this client
  farport inspect https://mcp.example.com/mcp --header 'Authorization: Bearer ${TOKEN}'
  farport inspect https://mcp.example.com/mcp --no-open
  farport inspect -- npx -y @modelcontextprotocol/server-everything

Only this machine can open the page. Its URL contains a token that changes at each start: do not
share it. Press Ctrl-C to stop.")]
pub(crate) struct InspectArgs {
    /// URL or name of the server
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Port of the page; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Print the URLs of the page and of sign-ins, without opening a browser
    #[arg(long)]
    pub(crate) no_open: bool,

    /// Header to send with every request to URL, as 'Name: value'; may contain ${VARIABLE} from the
    /// environment [repeatable]
    #[arg(long, value_name = "HEADER", help_heading = NETWORK, requires = "url")]
    pub(crate) header: Vec<String>,

    /// File of headers, one per line; unlike --header, hidden from the process list
    #[arg(long, value_name = "FILE", help_heading = NETWORK, requires = "url")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) header_file: Option<PathBuf>,

    /// Revision of the protocol
    #[arg(long, value_name = "REVISION", default_value = "auto", help_heading = NETWORK)]
    pub(crate) revision: RevisionArg,

    /// Allow http to other machines, for networks that you trust
    #[arg(long, help_heading = NETWORK, requires = "url")]
    pub(crate) allow_http: bool,

    /// Log every step to standard error, without secrets
    #[arg(long)]
    pub(crate) debug: bool,

    /// Command of a local server, which farport starts and stops
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "url")]
    pub(crate) command: Vec<String>,
}

/// Revision of the protocol.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RevisionArg {
    /// The newest that the server supports
    Auto,
    /// Requests that stand alone
    #[value(name = "2026-07-28")]
    V2026_07_28,
    /// Sessions
    #[value(name = "2025-11-25")]
    V2025_11_25,
    /// Sessions
    #[value(name = "2025-06-18")]
    V2025_06_18,
    /// Sessions
    #[value(name = "2025-03-26")]
    V2025_03_26,
    /// Sessions
    #[value(name = "2024-11-05")]
    V2024_11_05,
}

impl RevisionArg {
    /// The revision; `None` for `auto`.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::V2026_07_28 => Some("2026-07-28"),
            Self::V2025_11_25 => Some("2025-11-25"),
            Self::V2025_06_18 => Some("2025-06-18"),
            Self::V2025_03_26 => Some("2025-03-26"),
            Self::V2024_11_05 => Some("2024-11-05"),
        }
    }
}

impl From<RevisionArg> for Revision {
    fn from(given: RevisionArg) -> Self {
        match given {
            RevisionArg::Auto => Self::Auto,
            RevisionArg::V2026_07_28 => Self::V2026_07_28,
            RevisionArg::V2025_11_25 => Self::V2025_11_25,
            RevisionArg::V2025_06_18 => Self::V2025_06_18,
            RevisionArg::V2025_03_26 => Self::V2025_03_26,
            RevisionArg::V2024_11_05 => Self::V2024_11_05,
        }
    }
}

impl InspectArgs {
    /// The server to connect to, if the arguments name one.
    pub(crate) fn target(&self) -> Result<Option<Target>, Error> {
        let Some(url) = &self.url else {
            let process = Target::process(&self.command);
            return Ok(process.map(|target| target.revision(self.revision.into())));
        };
        let mut all = Vec::new();
        for text in &self.header {
            all.push(headers::header(text, Variables::Environment)?);
        }
        if let Some(path) = &self.header_file {
            all.extend(headers::file(path, Variables::Environment)?);
        }
        let all = all
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect::<Vec<_>>();
        let target = saved::target(url, all, self.allow_http)?;
        Ok(Some(target.revision(self.revision.into())))
    }
}
